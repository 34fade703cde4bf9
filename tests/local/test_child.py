"""Programs started through child.py: they end with whoever started them, and run as whom they should."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from config.local.child import ANCESTOR, CAP_DAC_READ_SEARCH
from config.local.spawn import CHILD, spawn
from tests.local.conftest import Eventually, Starter

SLEEPER = """
import signal, time
from pathlib import Path
from config.local.child import ANCESTOR, CAP_DAC_READ_SEARCH
from config.local.spawn import spawn
child = spawn(["sleep", "600"], log=Path("/dev/null"), death_signal=signal.SIGTERM)
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_program_ends_when_its_starter_is_killed(
    starter: Starter, eventually: Eventually, gone: Callable[[int], bool]
) -> None:
    process = starter(SLEEPER)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    eventually(lambda: psutil.Process(child).name() == "sleep")

    process.kill()

    eventually(lambda: gone(child))


def test_a_program_whose_starter_is_already_gone_does_not_start() -> None:
    gone_pid = subprocess.Popen(["true"])
    gone_pid.wait()

    argv = [sys.executable, "-I", "-S", str(CHILD), "--parent", str(gone_pid.pid), "--", "echo", "started"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "started" not in done.stdout
    assert "is gone" in done.stderr


def test_a_supervised_program_is_told_who_started_it_and_refuses_another_parent() -> None:
    """A supervisor cannot put its own pid into a configuration it reads before it runs; so it comes by environment."""
    child = [sys.executable, "-I", "-S", str(CHILD), "--"]
    told = subprocess.run(
        [*child, "sh", "-c", f'echo $$ "${ANCESTOR}"'], capture_output=True, text=True, check=True
    ).stdout.split()
    assert told[0] == told[1]

    gone = subprocess.run([*child, "true"], env={ANCESTOR: "1"}, capture_output=True, text=True, check=False)
    assert gone.returncode != 0
    assert "process 1, which started this program, is gone" in gone.stderr


def test_a_program_below_a_supervised_one_knows_its_own_starter() -> None:
    """child.py inside child.py: the mark of the grandparent must not be mistaken for the parent's."""
    inner = [sys.executable, "-I", "-S", str(CHILD), "--", "echo", "started"]
    outer = [sys.executable, "-I", "-S", str(CHILD), "--", "sh", "-c", '"$@"; exit $?', "sh", *inner]
    done = subprocess.run(outer, capture_output=True, text=True, check=False)

    assert done.stdout == "started\n", done.stderr


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = spawn(["no-such-program"], log=log, death_signal=signal.SIGTERM)

    assert process.wait(10) != 0
    assert "cannot start no-such-program" in log.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("directory_mode", "file_mode"), [(0o755, 0o644), (0o700, 0o644), (0o700, 0o600)], ids=["open", "closed", "private"]
)
def test_an_unprivileged_program_reaches_what_root_named_and_changes_no_rights(
    tmp_path: Path, directory_mode: int, file_mode: int
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=directory_mode)
    (closed / "file").write_text("content")
    (closed / "file").chmod(file_mode)
    before = [path.stat().st_mode for path in (closed / "file", closed, tmp_path)]

    argv = [sys.executable, "-I", "-S", str(CHILD), "--user", "nobody", "--reach", str(closed / "file")]
    read = subprocess.run(
        [*argv, "--", "sh", "-c", f"id -un; cat {closed / 'file'}"], capture_output=True, text=True, check=False
    )

    assert read.stdout == "nobody\ncontent", read.stderr
    assert [path.stat().st_mode for path in (closed / "file", closed, tmp_path)] == before


def may_grant_reading_alone() -> bool:
    """Containers usually withhold CAP_DAC_READ_SEARCH, even from root; then the stronger capability is all there is."""
    status = Path("/proc/self/status").read_text()
    return bool(int(status.split("CapPrm:")[1].split()[0], 16) & 1 << CAP_DAC_READ_SEARCH)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.skipif(not may_grant_reading_alone(), reason="CAP_DAC_READ_SEARCH is withheld here")
def test_an_unprivileged_program_cannot_write_where_it_only_has_to_pass(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("content")
    (closed / "file").chmod(0o755)

    argv = [sys.executable, "-I", "-S", str(CHILD), "--user", "nobody", "--reach", str(closed / "file")]
    written = subprocess.run([*argv, "--", "sh", "-c", f"echo >> {closed / 'file'}"], capture_output=True, check=False)

    assert written.returncode != 0
    assert (closed / "file").read_text() == "content"
