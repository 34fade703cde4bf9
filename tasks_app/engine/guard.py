"""Stops work that runs in the main thread of a pool child: at its deadline, or when its keeper asks.

SIGALRM is the deadline, SIGUSR2 only sets a flag for the executor to see; SIGTERM (the keeper) and SIGQUIT (the pool,
when its worker leaves) raise `Stopped` in the work. While a visit claims or records, they wait for nothing: what has
ended is recorded. An idle child does what it did before. The keeper's SIGKILL is the last resort for code that never
returns to the interpreter.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any, TypeVar

from executors.errors import Stopped

R = TypeVar("R")
# An executor knows its deadline and may end in its own words; the alarm is for those that do not.
GRACE_SECONDS = 2.0


class Guard:
    """One a process. `visit` around each message, `call` around each run."""

    def __init__(self) -> None:
        self._armed = False
        self._visiting = False
        self._pid = 0
        self._deadline: float | None = None
        self._before: dict[int, Any] = {}
        self.asked = False
        self.leaving = False  # the worker ends: nothing new is taken up

    def install(self) -> None:
        """Take the signals over; main thread only, at the first visit: the pool sets its own after the start."""
        self._pid = os.getpid()
        for signum in (signal.SIGTERM, signal.SIGQUIT):
            self._before[signum] = signal.signal(signum, self._interrupt)
        signal.signal(signal.SIGALRM, self._interrupt)
        signal.signal(signal.SIGUSR2, self._ask)

    @contextmanager
    def visit(self) -> Iterator[None]:
        """From claim to record: a signal may end the work, never the recording."""
        if self._pid != os.getpid():
            self.install()
        self._visiting = True
        try:
            yield
        finally:
            self._visiting = False

    @property
    def deadline_passed(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def call(self, work: Callable[[], R], *, limit: timedelta) -> R:
        """Run `work` for at most `limit`. Raises Stopped, also when it lands on the last step of the work."""
        self.asked = False
        self._deadline = time.monotonic() + limit.total_seconds() if limit else None
        try:
            # Two nested tries: a signal that lands just after the work returned must not escape from the `finally`.
            try:
                self._armed = True
                if limit:
                    signal.setitimer(signal.ITIMER_REAL, limit.total_seconds() + GRACE_SECONDS)
                return work()
            finally:
                self._armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Stopped:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        if self._armed:
            self.asked = True

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        self.leaving = self.leaving or signum == signal.SIGQUIT
        if self._armed:
            self._armed = False
            self.asked = True
            raise Stopped("deadline" if signum == signal.SIGALRM else "asked to stop")
        before = self._before.get(signum)
        if callable(before) and not self._visiting:
            before(signum, frame)


GUARD = Guard()
