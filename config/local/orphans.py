"""Programs below us that lost their parent: adopted by `up`, collected when they end, ended when the fleet does.

A worker's companion or a script's grandchild may outlive the process that started it by a moment, or for ever. Linux
hands such orphans to `up`; elsewhere they go to process 1 and the functions here find nothing to do.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Collection

import psutil

from config.local.child import adopt_orphans

PATIENCE_SECONDS = 5.0


def adopt() -> None:
    if sys.platform == "linux":
        adopt_orphans()


def collect(*, known: Collection[int]) -> None:
    """Take the exit status of orphans that ended, or they stay as zombies; `known` have a waiter of their own."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, ChildProcessError):
            if child.pid not in known and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)


def end(*, known: Collection[int]) -> list[str]:
    """Wait a moment for what is still there, then end it; the names of what had to be ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (rest := _living(known)) and time.monotonic() < deadline:
        collect(known=known)
        time.sleep(0.05)
    for process in rest:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(rest, timeout=PATIENCE_SECONDS)
    collect(known=known)
    return sorted({_name(process) for process in rest})


def _living(known: Collection[int]) -> list[psutil.Process]:
    """Everything below us except the servers and what is below those."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        if child.pid in known:
            continue
        with contextlib.suppress(psutil.Error):
            family = [child, *child.children(recursive=True)]
            found += [each for each in family if each.status() != psutil.STATUS_ZOMBIE]
    return found


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return process.name()
    return f"process {process.pid}"
