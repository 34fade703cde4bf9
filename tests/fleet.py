"""A real fleet for acceptance tests: Celery workers and beats as processes of their own on the test's database.

They are started and killed like an operator's, and share the test's environment. Nothing here sleeps to synchronise:
`until` waits for a condition with a deadline.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from django.db import connection

from tasks_app.models import Worker

ROOT = Path(__file__).parent.parent


def until(condition: Callable[[], Any], *, seconds: float = 15, what: str = "") -> Any:
    """The first true value of `condition`; fails when it takes longer."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(0.03)
    return found


@dataclass
class Process:
    """One process of the fleet, in a session of its own."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def kill_tree(self) -> None:
        """SIGKILL for everything at once, as when a machine loses its power."""
        for process in reversed(self.tree()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.popen.wait(10)

    def tree(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            main = psutil.Process(self.popen.pid)
            return [main, *main.children(recursive=True)]
        return []

    def stop(self, signum: int = signal.SIGTERM, seconds: float = 20) -> int:
        """The main process alone is asked, as a supervisor would."""
        self.popen.send_signal(signum)
        return self.popen.wait(seconds)


@dataclass
class Fleet:
    """Starts processes; the fixture ends them."""

    folder: Path
    processes: list[Process] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, *command: str, **environment: str) -> Process:
        log = self.folder / f"{name}-{len(self.processes)}.log"
        settings = connection.settings_dict
        url = f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env={**os.environ, "DATABASE_URL": url, **self.environment, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(Process(name, popen, log))
        return self.processes[-1]

    def worker(
        self, name: str = "w1", *, pools: str = "default,scan,monitor,script", concurrency: int = 2, **environment: str
    ) -> Process:
        """A worker that its keeper has enlisted."""
        command = ["celery", "-A", "config", "worker", "-Q", pools, "-n", f"{name}@test", "-c", str(concurrency), "-E"]
        process = self.start(name, *command, **{"REMAP_SIGTERM": "SIGQUIT", **environment})
        pid = process.popen.pid
        until(
            lambda: Worker.objects.filter(name=f"{name}@test", pid=pid, stopped_at=None).exists(),
            seconds=60,
            what=f"{name} is up; see {process.log}",
        )
        return process

    def beat(self, name: str = "beat", **environment: str) -> Process:
        """A beat with its loops."""
        command = ["celery", "-A", "config", "beat", "-S", "tasks_app.worker.beat:Scheduler"]
        return self.start(name, *command, "-s", str(self.folder / name), "--pidfile=", **environment)

    def end(self) -> None:
        for process in self.processes:
            process.kill_tree()
