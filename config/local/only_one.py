"""One fleet a data folder: a lock, and a note of who holds it. Called by `up`, `status` and `stop`."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from config.local.folder import DataFolder, read_json, write_json

WAIT_FOR_A_STOPPING_FLEET_SECONDS = 90


class AlreadyUp(Exception):
    """Another fleet runs from this folder; `fleet` is what it wrote about itself."""

    def __init__(self, fleet: dict[str, Any]) -> None:
        super().__init__("a fleet is already running from this data folder")
        self.fleet = fleet


@contextmanager
def only_one(folder: DataFolder, *, say: Callable[[str], None]) -> Iterator[int]:
    """Hold the folder's lock; yields its descriptor, which the supervisor inherits.

    A fleet whose `up` was killed therefore still counts as there until its last program has stopped, and the next one
    waits for it instead of meeting it on its ports.
    """
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, folder, say)
        write_json(folder.running, {"pid": os.getpid()})
        yield descriptor
        folder.running.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: DataFolder, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + WAIT_FOR_A_STOPPING_FLEET_SECONDS
    said = False
    while not _locked(descriptor):
        fleet = read_json(folder.running)
        if is_alive(fleet.get("pid")) or time.monotonic() > deadline:
            raise AlreadyUp(fleet)
        if not said:
            say("The last fleet on this folder is still stopping; waiting for it.")
            said = True
        time.sleep(0.2)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_up(folder: DataFolder) -> bool:
    """Whether somebody holds the lock now."""
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


def is_alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
