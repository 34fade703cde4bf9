"""Processes of a measurement: started so that they cannot outlive it, ended in order, their use of the CPU counted.

Called by the measurements. Knows neither what the processes do nor what is measured.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psutil

from config.local.spawn import spawn, wrapped

REPOSITORY = Path(__file__).resolve().parent.parent
T = TypeVar("T")


class Stuck(Exception):
    """Something did not happen in its time; the text says what, and where to look."""


def until(look: Callable[[], T], *, seconds: float, what: str, every: float = 0.05) -> T:
    """The first true answer of `look`. Raises Stuck."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Stuck(f"not within {seconds:g} s: {what}")
        time.sleep(every)
    return found


@dataclass
class Processes:
    """Everything that was started; leaving the block ends it, the youngest first."""

    folder: Path
    started: list[subprocess.Popen[Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self.started):
            _end(process)

    def start(self, name: str, *command: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """`python -m COMMAND` in the background, its output in a file named after it."""
        argv = [sys.executable, "-m", *command]
        log = self.folder / f"{name}.log"
        process = spawn(argv, log=log, death_signal=signal.SIGTERM, env={**env, "PYTHONPATH": str(REPOSITORY)})
        self.started.append(process)
        return process

    def run(self, name: str, *command: str, env: Mapping[str, str]) -> None:
        """`python -m COMMAND` to its end. Raises when it fails; its output is in a file named after it."""
        code = self.start(name, *command, env=env).wait()
        if code:
            raise Stuck(f"{' '.join(command)} ended with {code}; see {self.folder / name}.log")

    def talk_to(self, *command: str, env: Mapping[str, str]) -> "Talker":
        """`python -m COMMAND` that takes orders on stdin and answers in JSON, a line each."""
        process = subprocess.Popen(
            wrapped([sys.executable, "-m", *command]),
            cwd=REPOSITORY,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return Talker(process)


@dataclass(frozen=True)
class Talker:
    """A process that does as it is told."""

    process: subprocess.Popen[str]

    def tell(self, *order: object) -> Any:
        """Send an order and wait for its answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise Stuck(f"{self.process.args!r} ended instead of answering {order!r}")
        return json.loads(answer)


def serve(**verbs: Callable[..., Any]) -> None:
    """The other side of `Talker`: carry out orders until stdin ends."""
    for line in sys.stdin:
        verb, *args = json.loads(line)
        print(json.dumps(verbs[verb](*args)), flush=True)


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass
class Cpu:
    """Seconds of CPU that groups of processes, and everybody else, have used since it was made."""

    groups: Mapping[str, Iterable[int]]
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._before, self._busy = self._used(), _busy()

    def spent(self) -> dict[str, float]:
        """Seconds by group, and under `others` how many cores everybody else took on average."""
        now = self._used()
        spent = {group: now[group] - self._before[group] for group in now}
        wall = time.monotonic() - self.began
        others = (_busy() - self._busy - sum(spent.values())) / wall
        return {**spent, "others": max(0.0, others)}

    def _used(self) -> dict[str, float]:
        return {group: sum(map(_tree_seconds, pids)) for group, pids in self.groups.items()}


def _tree_seconds(pid: int) -> float:
    total = 0.0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
            if process.pid == pid:
                total += times.children_user + times.children_system
    except psutil.NoSuchProcess:
        pass
    return total


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - getattr(times, "guest", 0) - getattr(times, "guest_nice", 0)
