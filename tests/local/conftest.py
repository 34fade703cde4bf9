"""What the tests of the one-machine fleet share: a data folder, waiting for a condition, and a starter to be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config.local.folder import REPOSITORY, DataFolder

Eventually = Callable[[Callable[[], object]], None]
Starter = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.create()
    return made


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds; fail when it does not within twenty seconds."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "the condition never held"
            time.sleep(0.02)

    return wait


@pytest.fixture
def starter() -> Iterator[Starter]:
    """Run Python code in a process of its own that can be killed without killing the tests; ended afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Whether a process has ended; a zombie nobody collected has."""
    return is_gone
