"""Stops work that runs in the main thread of a pool child: at its deadline, or when its keeper asks.

SIGALRM is the deadline, SIGUSR2 only sets a flag for the executor to see, SIGTERM raises `Stopped` in the work. All of
them do nothing while nothing is armed: an idle child must not die of a late signal. The keeper's SIGKILL is the last
resort for code that never returns to the interpreter.
"""

import signal
import time
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import TypeVar

from executors.errors import Stopped

R = TypeVar("R")


class Guard:
    """One a process. `install` once per pool child; `call` around each run."""

    def __init__(self) -> None:
        self._armed = False
        self._deadline: float | None = None
        self.asked = False

    def install(self) -> None:
        """Take the three signals over; main thread only."""
        signal.signal(signal.SIGALRM, self._interrupt)
        signal.signal(signal.SIGTERM, self._interrupt)
        signal.signal(signal.SIGUSR2, self._ask)

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
                    signal.setitimer(signal.ITIMER_REAL, limit.total_seconds())
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
        if self._armed:
            self._armed = False
            self.asked = True
            raise Stopped("deadline" if signum == signal.SIGALRM else "asked to stop")


GUARD = Guard()
