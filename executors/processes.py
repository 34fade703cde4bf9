"""Runs one outside program without a shell, under limits, and never leaves any of it behind.

Used by `script` and by executors that drive a tool. The program runs under `leash`, which ends its whole tree when
this process dies, even by SIGKILL. Output is handed on as it comes. What a command may be is judged by the caller.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from executors.errors import PermanentFailure, TemporaryFailure

POLL_SECONDS = 0.2
DRAIN_SECONDS = 1.0
_LEASH = Path(__file__).with_name("leash.py")
Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run. `path` is the program's file, `argv` includes its name; `stdout` takes the place of our pipe."""

    path: str
    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    stdin: str | None = None
    stdout: IO[bytes] | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How it ended. `exit_code` is None when a signal ended it; `cut` says that we ended it, and why."""

    exit_code: int | None
    signal: str | None
    cpu_ms: int
    max_rss_kb: int
    duration_ms: int
    cut: Literal["", "timeout", "stopped"] = ""


def run(
    command: Command,
    *,
    output: Callable[[Stream, bytes], None],
    time_left: Callable[[], float | None],
    should_stop: Callable[[], bool],
    grace_seconds: float = 2.0,
) -> Ended:
    """Run to the end, or end it: TERM to its group, and after the grace KILL to the whole tree."""
    with _Held(command) as held:
        cut: Literal["", "timeout", "stopped"] = ""
        while not held.report:
            if not cut:
                left = time_left()
                cut = "stopped" if should_stop() else "timeout" if left is not None and left <= 0 else ""
                if cut:
                    held.end(after=grace_seconds)
                wait = POLL_SECONDS if left is None else min(POLL_SECONDS, max(0.0, left))
            held.turn(output, POLL_SECONDS if cut else wait)
        held.drain(output)
        return held.ended(cut)


class _Held:
    """The leash, the pipes and the line to it, for the length of one run."""

    def __init__(self, command: Command) -> None:
        self.report: dict[str, Any] = {}
        self._begun = time.monotonic()
        self._kill_at: float | None = None
        self._said = b""
        self._line, theirs = socket.socketpair()
        self._input = _as_file(command.stdin)
        self._selector = selectors.DefaultSelector()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", str(_LEASH), str(theirs.fileno())],
                stdin=self._input or subprocess.DEVNULL,
                stdout=command.stdout or subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
            )
        self._pipes: dict[Stream, IO[bytes] | None] = {"stdout": self._process.stdout, "stderr": self._process.stderr}
        for name, pipe in self._pipes.items():
            if pipe is not None:
                self._selector.register(pipe, selectors.EVENT_READ, name)
        self._selector.register(self._line, selectors.EVENT_READ, "line")
        order = {"path": command.path, "argv": command.argv, "cwd": command.cwd, "env": dict(command.env)}
        self._line.sendall(json.dumps(order | {"limits": dict(command.limits)}).encode() + b"\n")

    def __enter__(self) -> "_Held":
        return self

    def __exit__(self, *_: object) -> None:
        """However we leave: the line closes, which ends the tree, and nothing stays open or unreaped."""
        self._selector.close()
        self._line.close()
        self._process.wait()
        for pipe in (self._input, *self._pipes.values()):
            if pipe is not None:
                pipe.close()

    def end(self, *, after: float) -> None:
        """Ask the tree to end now and make it end after so many seconds."""
        self._tell(b"T")
        self._kill_at = time.monotonic() + after

    def turn(self, output: Callable[[Stream, bytes], None], wait: float) -> None:
        """Hand on what has come, within the wait."""
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._tell(b"K")
            self._kill_at = None
        for key, _ in self._selector.select(wait):
            if key.data == "line":
                self._listen()
            else:
                self._pass_on(key, output)

    def drain(self, output: Callable[[Stream, bytes], None]) -> None:
        """What the pipes still hold after the end. Somebody outside the tree may keep one open: not waited for."""
        self._selector.unregister(self._line)
        until = time.monotonic() + DRAIN_SECONDS
        while self._selector.get_map() and time.monotonic() < until:
            for key, _ in self._selector.select(until - time.monotonic()):
                self._pass_on(key, output)

    def ended(self, cut: Literal["", "timeout", "stopped"]) -> Ended:
        code = int(self.report["code"])
        return Ended(
            exit_code=code if code >= 0 else None,
            signal=signal.Signals(-code).name if code < 0 else None,
            cpu_ms=int(self.report["cpu_ms"]),
            max_rss_kb=int(self.report["max_rss_kb"]),
            duration_ms=round((time.monotonic() - self._begun) * 1000),
            cut=cut,
        )

    def _pass_on(self, key: selectors.SelectorKey, output: Callable[[Stream, bytes], None]) -> None:
        chunk = key.fileobj.read1(65536)  # type: ignore[union-attr]
        if chunk:
            output(key.data, chunk)
        else:
            self._selector.unregister(key.fileobj)

    def _listen(self) -> None:
        received = self._line.recv(65536)
        if not received:
            raise TemporaryFailure("The process was ended from outside before it could report.")
        self._said += received
        *lines, self._said = self._said.split(b"\n")
        for line in lines:
            words = json.loads(line)
            if "failed" in words:
                raise _not_started(words)
            if "code" in words:
                self.report = words

    def _tell(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # gone already: the line says so when it is next read
            self._line.sendall(word)


def _not_started(words: Mapping[str, Any]) -> PermanentFailure:
    field_name = {"cwd": "cwd", "limits": "limits"}.get(str(words["failed"]), "command")
    return PermanentFailure(
        f"{field_name}: the program could not be started: {words['message']}", kind="invalid_config"
    )


def _as_file(text: str | None) -> IO[bytes] | None:
    """Input as a file that has no name: a pipe would have to be fed while the output is read."""
    if text is None:
        return None
    held = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the run
    held.write(text.encode())
    held.seek(0)
    return held
