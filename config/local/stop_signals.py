"""The signals that end a fleet, as one exception. Called by `up` only, in the main thread."""

from __future__ import annotations

import contextlib
import signal
import sys
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(BaseException):
    """Somebody asked the fleet to stop: Ctrl-C, SIGTERM or a closed terminal."""


def raise_stop() -> None:
    """From now on the first such signal raises Stop; those after it are answered and change nothing."""
    _handle_with(_first)


def _first(number: int, frame: FrameType | None) -> None:
    _handle_with(_again)
    raise Stop


def _again(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        print("Already stopping: running work is being finished or handed back.", file=sys.stderr, flush=True)


def _handle_with(handler: object) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, handler)  # type: ignore[arg-type]
