"""`make up` as a newcomer meets it: one command, an empty home, and Ctrl-C at the end of the day."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from config.local import ports
from config.local.folder import REPOSITORY

pytestmark = [pytest.mark.acceptance, pytest.mark.xdist_group("make_up")]
COMMAND = [sys.executable, "-m", "config.local"]
READY_SECONDS, STOP_SECONDS, DEMO_SECONDS = 170, 90, 60


def until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return found


class OneMachine:
    """A fleet started the way `make up` starts it, in a home and a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "var"
        self.home = folder / "home"
        self.home.mkdir()
        self.screen = folder / "screen"
        self.password = ""
        self.up: subprocess.Popen[bytes] | None = None
        web = ports.next_free(21_000)
        self.ports = {"TASK_WEB_PORT": web, "TASK_FLOWER_PORT": ports.next_free(web + 1)}

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the test run's own servers and settings."""
        chosen = {name: str(port) for name, port in self.ports.items()}
        basics = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TASK_DATA_DIR": str(self.data)}
        return {**basics, **chosen, "TASK_SOFT_SHUTDOWN_SECONDS": "2"}

    def start(self) -> str:
        """What the screen shows until the fleet is ready."""
        with self.screen.open("wb") as output:
            self.up = subprocess.Popen(
                [*COMMAND, "up"],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = self.up
        until(
            lambda: "is ready after" in self.shown or running.poll() is not None, seconds=READY_SECONDS, what=self.shown
        )
        assert running.poll() is None, self.shown
        return self.shown

    @property
    def shown(self) -> str:
        return self.screen.read_text()

    def press_ctrl_c(self) -> int:
        """A terminal sends SIGINT to the whole foreground group."""
        assert self.up is not None
        os.killpg(self.up.pid, signal.SIGINT)
        return self.up.wait(STOP_SECONDS)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments], cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, check=False
        )

    def processes(self) -> list[psutil.Process]:
        """Everything that has to do with this data folder, by its environment, its arguments or where it stands."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            words = [process.cwd(), *process.cmdline(), process.environ().get("TASK_DATA_DIR", "")]
        except psutil.Error:
            return False
        return any(word.startswith(str(self.data)) for word in words)

    def call(self, method: str, path: str, **body: Any) -> Any:
        """One request to the API as the administrator."""
        web = f"http://127.0.0.1:{self.ports['TASK_WEB_PORT']}/api/v1/"
        who = {"username": "admin", "password": self.password}
        token = requests.post(f"{web}auth/token/", json=who, timeout=10)
        assert token.status_code == 200, token.text
        headers = {"Authorization": f"Bearer {token.json()['access']}"}
        answer = requests.request(method, f"{web}{path}", json=body or None, headers=headers, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def pid_of(self, name: str) -> int:
        """0 while that program does not run."""
        found = re.search(rf"^  {name} +RUNNING +pid (\d+)", self.run("status").stdout, re.MULTILINE)
        return int(found[1]) if found else 0


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachine]:
    """Started once for all tests of this file; ended for good whatever they did."""
    made = OneMachine(tmp_path_factory.mktemp("one-machine"))
    try:
        shown = made.start()
        made.password = re.findall(r"^  password  (\S+)$", shown, re.MULTILINE)[0]
        yield made
    finally:
        for process in made.processes():
            process.kill()
        if made.up is not None:
            made.up.wait()


def test_make_up_is_this_very_command() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--assume-old=.venv/.runtime-installed", "up"],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == ".venv/bin/python -m config.local up"


def test_the_screen_says_where_everything_is_and_how_to_get_in(machine: OneMachine) -> None:
    web, flower = (f"http://127.0.0.1:{machine.ports[name]}/" for name in ("TASK_WEB_PORT", "TASK_FLOWER_PORT"))
    for expected in (f"{web}admin/", f"{web}api/docs/", flower, "user      admin", "Ctrl-C stops everything"):
        assert expected in machine.shown
    assert requests.get(f"{web}api/docs/", timeout=10).status_code == 200


def test_the_shown_password_opens_the_admin(machine: OneMachine) -> None:
    with requests.Session() as browser:
        page = f"http://127.0.0.1:{machine.ports['TASK_WEB_PORT']}/admin/login/"
        browser.get(page, timeout=10)
        form = {
            "username": "admin",
            "password": machine.password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/",
        }
        answer = browser.post(page, data=form, headers={"Referer": page}, timeout=20)
        assert answer.status_code == 200
        assert answer.url.endswith("/admin/")
        assert "Log out" in answer.text


def test_the_demo_completes_executions_within_a_minute(machine: OneMachine) -> None:
    path = "executions/?state=completed"
    until(lambda: machine.call("GET", path)["results"], seconds=DEMO_SECONDS, what="the demo's first completed run")


def test_flower_asks_for_the_kept_password_and_knows_both_workers(machine: OneMachine) -> None:
    flower = f"http://127.0.0.1:{machine.ports['TASK_FLOWER_PORT']}/api/workers"
    assert requests.get(flower, timeout=10).status_code == 401
    who = ("admin", (machine.data / "flower-password").read_text().strip())

    def nodes() -> set[str]:
        answer = requests.get(flower, params={"refresh": 1}, auth=who, timeout=20)
        return {node.split("@")[0] for node in answer.json()} if answer.ok else set()

    until(lambda: {"main", "scan"} <= nodes(), seconds=60, what="Flower sees both workers")


def test_a_second_make_up_says_where_the_first_one_is(machine: OneMachine) -> None:
    second = machine.run("up")
    assert second.returncode == 1
    assert f"http://127.0.0.1:{machine.ports['TASK_WEB_PORT']}/admin/" in second.stderr


def test_no_secret_stands_in_a_log_or_an_argv(machine: OneMachine) -> None:
    kept = [machine.data / name for name in ("secret-key", "flower-password", "postgres/password", "valkey/password")]
    secrets = [machine.password, *(path.read_text().strip() for path in kept)]
    logs = [*machine.data.glob("log/*"), *machine.data.glob("*/server.log"), *machine.data.glob("run/*.conf")]
    texts = [path.read_text(errors="replace") for path in logs]
    texts += [" ".join(process.cmdline()) for process in machine.processes()]
    assert len(texts) > 15
    assert [secret for secret in secrets if any(secret in text for text in texts)] == []


def test_workers_are_scaled_up_and_down_while_the_fleet_runs(machine: OneMachine) -> None:
    assert machine.run("scale", "worker-main", "2").returncode == 0

    def nodes() -> set[str]:
        return {each["name"].split("@")[0] for each in machine.call("GET", "workers/")["results"] if each["alive"]}

    until(lambda: "main-2" in nodes(), seconds=60, what="the second worker is enlisted")
    assert machine.run("scale", "worker-main", "1").returncode == 0
    until(lambda: machine.pid_of("worker-main-2") == 0, seconds=60, what="the second worker stopped")


def test_whatever_is_killed_comes_back(machine: OneMachine) -> None:
    killed = {name: machine.pid_of(name) for name in ("web", "worker-main-1", "beat", "flower")}
    database = next(each for each in machine.processes() if each.cmdline()[0].endswith("/bin/postgres"))
    broker = next(each for each in machine.processes() if each.name().startswith("valkey"))
    for process in (*map(psutil.Process, killed.values()), database, broker):
        process.kill()

    def ready() -> bool:
        try:
            answer = requests.get(f"http://127.0.0.1:{machine.ports['TASK_WEB_PORT']}/health/ready", timeout=10)
        except requests.RequestException:
            return False
        return answer.status_code == 200

    def all_back() -> bool:
        return all(machine.pid_of(name) not in (0, pid) for name, pid in killed.items())

    until(all_back, seconds=90, what="the programs are back")
    until(ready, seconds=60, what="database and broker are back")
    assert "PostgreSQL ended by itself" in machine.shown
    assert "Valkey ended by itself" in machine.shown


NAP = """#!/bin/sh
# Long the first time, over at once the second.
mkdir "$1" || exit 0
sleep 600
"""


def test_ctrl_c_leaves_no_process_and_the_next_start_goes_on_with_the_same_data(
    machine: OneMachine, tmp_path: Path
) -> None:
    (tmp_path / "nap").write_text(NAP)
    (tmp_path / "nap").chmod(0o755)
    config = {"command": str(tmp_path / "nap"), "args": [str(tmp_path / "taken")], "idempotent": True}
    task = machine.call("POST", "tasks/", name="a long nap", task_type="script", config=config)
    execution = machine.call("POST", f"tasks/{task['id']}/execute/")["execution_id"]
    path = f"executions/{execution}/"
    until((tmp_path / "taken").exists, seconds=30, what="it runs")

    assert machine.press_ctrl_c() == 0
    assert machine.shown.endswith("Stopped.\n")
    assert machine.processes() == []
    assert "Not running" in machine.run("status").stdout

    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", machine.ports["TASK_WEB_PORT"]))
        somebody.listen()
        shown = machine.start()
    moved = re.findall(rf"Port {machine.ports['TASK_WEB_PORT']} \(web\) is taken; using (\d+)", shown)
    machine.ports["TASK_WEB_PORT"] = int(moved[0])
    assert "password is shown only now" not in shown
    until(lambda: machine.call("GET", path)["state"] == "completed", seconds=90, what="the nap was taken again")
    outcomes = [attempt["outcome"] for attempt in machine.call("GET", path)["attempts_made"]]
    assert sorted(outcomes) == ["completed", "handed_back"]


def test_a_killed_up_takes_everything_with_it(machine: OneMachine) -> None:
    assert machine.up is not None and machine.up.poll() is None
    machine.up.kill()
    machine.up.wait()
    until(lambda: machine.processes() == [], seconds=STOP_SECONDS, what="all processes are gone")
