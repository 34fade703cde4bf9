"""What PostgreSQL and Valkey have in common as servers of ours: one data folder, one lock, one process, one port.

Subclassed by `postgres.Server` and `valkey.Server`. Knows no SQL and no Redis protocol.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

from config.local import ports

START_TRIES = 5


class ServerError(Exception):
    """An embedded server did not do as asked; the text says what to look at."""


class Embedded:
    """One server process on one data folder.

    The folder's lock is inherited by the server, so it stays held until the last process of that server is gone, even
    when whoever started it was killed. Two servers can therefore never write to one folder.
    """

    name = "server"
    death_signal = signal.SIGTERM
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)
    start_timeout_seconds = 60.0
    stop_timeout_seconds = 15.0

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.port: int = port or 0
        self._any_port = port is None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect, password included: not for logs."""
        raise NotImplementedError

    @property
    def log_file(self) -> Path:
        return self.data_dir / "server.log"

    def start(self) -> Self:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self._lock()
        try:
            self._prepare()
            self._launch(lock)
        finally:
            os.close(lock)
        return self

    def stop(self) -> None:
        """Ask, then insist. Safe to call twice, or on a server that already died."""
        process, self.process = self.process, None
        if process is None:
            return
        for number in self.stop_signals:
            if process.poll() is not None:
                return
            process.send_signal(number)
            try:
                process.wait(self.stop_timeout_seconds)
            except subprocess.TimeoutExpired:
                continue

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _prepare(self) -> None:
        """Make the data folder ready; runs under the lock, so nobody else is using it."""
        raise NotImplementedError

    def _spawn(self, *, lock: int) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _lock(self) -> int:
        lock = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + self.stop_timeout_seconds
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                # A server whose starter was killed is still shutting down: normal for a moment.
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise ServerError(f"another {self.name} is running on {self.data_dir}") from None
                time.sleep(0.05)

    def _launch(self, lock: int) -> None:
        """A free port may be taken between choosing and listening; then choose again."""
        for attempt in range(START_TRIES):
            if self._any_port and (attempt or not self.port):
                self.port = ports.any_free()
            self._trim_log()
            self.process = self._spawn(lock=lock)
            if self._wait_until_it_answers():
                return
            if not self._any_port or ports.is_free(self.port):
                break
        raise ServerError(f"{self.name} did not start on port {self.port}; {self.log_file} ends:\n{self._tail()}")

    def _wait_until_it_answers(self) -> bool:
        deadline = time.monotonic() + self.start_timeout_seconds
        while self.is_running() and time.monotonic() < deadline:
            if self._answers():
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def _trim_log(self, *, keep_bytes: int = 5_000_000) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > keep_bytes:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))

    def _tail(self, *, lines: int = 15) -> str:
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return "\n".join("  " + line for line in text.splitlines()[-lines:])
