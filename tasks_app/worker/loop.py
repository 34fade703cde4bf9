"""A verb called again and again in a thread, by one process of many.

Started by the scheduler class in `beat`. What a pass does is the verb's matter; a pass that fails is logged and the
next one tried, whatever it was.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

import structlog
from django.db import connection

from tasks_app.engine import loops
from tasks_app.engine.loops import Turn

log = structlog.get_logger(__name__)

# A dead holder's loop is ours after at most the lease and one look.
LEASE = timedelta(seconds=3)
LOOK_EVERY_SECONDS = 1.0


def holder_name() -> str:
    """This process among all that ever ran."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Loop(Thread):
    """`once` is called every `every` while this process holds the lease called `name`."""

    def __init__(self, name: str, once: Callable[[Turn], object], *, every: timedelta, holder: str) -> None:
        super().__init__(name=f"loop-{name}", daemon=True)
        self._lease, self._once, self._holder = name, once, holder
        self._every = every.total_seconds()
        self._stopping = Event()
        self._next_pass = 0.0

    def stop(self) -> None:
        """Ask it to end after the pass it is in."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            self._guarded(self._look)
            self._stopping.wait(min(LOOK_EVERY_SECONDS, self._every))
        self._guarded(lambda: loops.release([self._lease], holder=self._holder))
        connection.close()

    def _guarded(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception:
            log.exception("loop.failed", loop=self._lease)
            # Whatever it was, the next pass begins with a connection of its own.
            connection.close()

    def _look(self) -> None:
        turn = loops.held(self._lease, holder=self._holder, lasting=LEASE)
        if turn is None or time.monotonic() < self._next_pass:
            return
        self._next_pass = time.monotonic() + self._every
        self._once(turn)
        loops.ran(self._lease, holder=self._holder)
