"""One fleet a data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.local.folder import REPOSITORY, DataFolder, read_json, write_json
from config.local.only_one import AlreadyUp, is_up, only_one
from tests.local.conftest import Starter

HOLD = """
import sys, time; from pathlib import Path
from config.local.folder import DataFolder; from config.local.only_one import only_one
import os, subprocess
with only_one(DataFolder(Path({root!r})), say=print) as lock:
    child = subprocess.Popen(["sleep", "{child_seconds}"], pass_fds=(lock,), stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    time.sleep(600)
"""


def test_a_second_fleet_learns_who_the_first_is(folder: DataFolder) -> None:
    with only_one(folder, say=print):
        write_json(folder.running, {"pid": os.getpid(), "urls": {"Admin": "http://here/"}})
        with pytest.raises(AlreadyUp) as refused, only_one(folder, say=print):
            pass
        assert refused.value.fleet["urls"] == {"Admin": "http://here/"}
        assert is_up(folder)
    assert not is_up(folder)
    assert read_json(folder.running) == {}


def test_after_a_killed_fleet_the_next_waits_for_its_last_program(folder: DataFolder, starter: Starter) -> None:
    first = starter(HOLD.format(root=str(folder.root), child_seconds=600))
    assert first.stdout is not None
    leftover = int(first.stdout.readline())
    first.kill()
    first.wait()
    said: list[str] = []

    def end_the_leftover(text: str) -> None:
        said.append(text)
        os.kill(leftover, signal.SIGKILL)

    with only_one(folder, say=end_the_leftover):
        assert len(said) == 1
        assert "still stopping" in said[0]


def test_the_second_up_says_where_the_first_one_is_and_fails(folder: DataFolder) -> None:
    with only_one(folder, say=print):
        write_json(folder.running, {"pid": os.getpid(), "urls": {"Admin": "http://127.0.0.1:8000/admin/"}})
        done = command(folder.root, "up")
    assert done.returncode == 1
    assert "already running" in done.stderr
    assert "http://127.0.0.1:8000/admin/" in done.stderr
    assert "config.local stop" in done.stderr


def test_status_and_stop_of_nothing_say_so(folder: DataFolder) -> None:
    status = command(folder.root, "status")
    assert (status.returncode, "Not running" in status.stdout) == (3, True)
    stop = command(folder.root, "stop")
    assert (stop.returncode, stop.stdout) == (0, "Not running.\n")


@pytest.mark.parametrize("arguments", [("scale", "worker-mian", "2"), ("scale", "worker-main", "99")])
def test_a_wrong_scale_names_what_would_be_right(folder: DataFolder, arguments: tuple[str, ...]) -> None:
    done = command(folder.root, *arguments)
    assert done.returncode == 2
    assert "worker-main, worker-scan" in done.stderr
    assert "0 to 8" in done.stderr


def test_a_wrong_port_is_named_before_anything_starts(folder: DataFolder) -> None:
    done = command(folder.root, "up", TASK_WEB_PORT="eighty")
    assert done.returncode == 2
    assert done.stderr.startswith("TASK_WEB_PORT: ")
    assert not folder.postgres.exists()


def command(root: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.local", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "TASK_DATA_DIR": str(root), **env},
        capture_output=True,
        text=True,
        check=False,
    )
