"""The desk: what each pool child has in hand, in a small file that the worker's keeper reads.

A file a child, named by its pid, in a directory of the worker's own. It survives the child, which is how the keeper
knows what a dead one held.
"""

import contextlib
import os
from pathlib import Path
from uuid import UUID

from tasks_app.engine.held import Held

_directory: Path | None = None
_file: tuple[int, int] | None = None
_WIDTH = 80


def open_desk(directory: Path) -> None:
    """Say where the desk stands; in the worker's main process, before the pool forks."""
    global _directory
    _directory = directory


def put(held: Held | None) -> None:
    """What this child has in hand from now on; None when it is done."""
    if _directory is not None:
        text = f"{held.attempt_id} {held.execution_id}" if held else ""
        os.pwrite(_descriptor(_directory), text.ljust(_WIDTH).encode(), 0)


def _descriptor(directory: Path) -> int:
    """One open file a process; a fork gets its own."""
    global _file
    pid = os.getpid()
    if _file is None or _file[0] != pid:
        _file = (pid, os.open(directory / str(pid), os.O_CREAT | os.O_WRONLY, 0o600))
    return _file[1]


def on_desk(directory: Path) -> dict[int, tuple[int, UUID]]:
    """pid → (attempt id, execution id) of every child that has, or had when it died, something in hand."""
    found = {}
    for path in directory.iterdir():
        with contextlib.suppress(ValueError, FileNotFoundError):
            attempt, execution = path.read_text().split()
            found[int(path.name)] = (int(attempt), UUID(execution))
    return found


def clear(directory: Path, pid: int) -> None:
    """Forget a dead child."""
    (directory / str(pid)).unlink(missing_ok=True)
