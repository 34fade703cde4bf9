"""Ends a network call at its deadline, or when the run is to stop, by shutting the call's sockets down.

Used by `http` and `fence`. Socket timeouts count silence, not duration: a server that drips a byte now and then would
hold a call for ever, in the handshake and the headers as well as in the body. Opens no connection of its own.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from executors.errors import Stopped, TimedOut

POLL_SECONDS = 0.2
_thread = threading.local()


def current() -> "Watch | None":
    """The watch over the call this thread is making."""
    return getattr(_thread, "watch", None)


class Watch:
    """`with Watch(seconds, should_stop=…):` around a call; sockets the call opens or reuses are given to `hold`.

    `should_stop` is asked from a thread of its own, so it must be cheap and safe to call from there.
    """

    def __init__(self, seconds: float, *, should_stop: Callable[[], bool]) -> None:
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._should_stop = should_stop
        self._cords: list[socket.socket] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.reason = ""

    def __enter__(self) -> "Watch":
        _thread.watch = self
        threading.Thread(target=self._run, name="call-watch", daemon=True).start()
        return self

    def __exit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        _thread.watch = None
        self._over.set()
        with self._lock:
            for cord in self._cords:
                cord.close()
            self._cords.clear()
        # A cut shows as a connection error, or as a body that seems to end early: no error at all.
        if self.reason and (exc is None or isinstance(exc, Exception)):
            raise self._verdict() from exc

    def hold(self, sock: socket.socket) -> None:
        """Keep a second handle on the connection: wrapping in TLS takes the first one away."""
        cord = socket.socket(sock.family, sock.type, fileno=os.dup(sock.fileno()))
        with self._lock:
            self._cords.append(cord)
        if self.reason:
            self._cut()

    def _run(self) -> None:
        while not self._over.wait(min(POLL_SECONDS, max(0.0, self._ends_at - time.monotonic()))):
            if self._should_stop():
                self.reason = "stopped"
            elif time.monotonic() >= self._ends_at:
                self.reason = "timeout"
            if self.reason:
                return self._cut()

    def _cut(self) -> None:
        with self._lock:
            for cord in self._cords:
                with suppress(OSError):
                    cord.shutdown(socket.SHUT_RDWR)

    def _verdict(self) -> BaseException:
        if self.reason == "stopped":
            return Stopped("The run was stopped during a network call.")
        return TimedOut(f"No complete answer within {self._seconds:g} s.")
