"""The keeper: one small companion process per worker, outside its pool children.

It renews the leases of the children it sees alive, ends those whose execution was cancelled, whose deadline has
passed or whose attempt is no longer theirs, and buries what a dead child held. A child whose lease cannot be renewed
is ended before the lease runs out, by the monotonic clock. It keeps nothing in memory that a restart would miss.

Run as `python -m tasks_app.worker NAME PID POOLS CONCURRENCY DESK`, started by the worker before its pool forks.
"""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from uuid import UUID

import psutil
import structlog
from django.db import Error, connection

from tasks_app.engine.clock import policy
from tasks_app.engine.enlist import discharge, enlist, heartbeat
from tasks_app.engine.leases import bury, renew
from tasks_app.worker.desk import clear, on_desk

log = structlog.get_logger(__name__)
SLOWEST_TICK_SECONDS = 1.0


@dataclass
class Ladder:
    """How a child is brought to stop: asked, then SIGTERM, then SIGKILL for its whole process group."""

    attempt_id: int
    began: float
    steps: list[tuple[float, int]] = field(default_factory=list)


@dataclass
class Keeper:
    """One worker's keeper."""

    name: str
    worker_pid: int
    desk: Path
    lease: float
    renewed: dict[int, float] = field(default_factory=dict)
    ladders: dict[int, Ladder] = field(default_factory=dict)
    doubted: set[int] = field(default_factory=set)
    guard: Lock = field(default_factory=Lock)
    beaten: float = -1e9

    @property
    def tick_seconds(self) -> float:
        return min(SLOWEST_TICK_SECONDS, self.lease / 8)

    def tick(self) -> None:
        """One look at the desk."""
        hands = on_desk(self.desk)
        dead = {pid: hand for pid, hand in hands.items() if not _alive(pid)}
        living = {pid: hand for pid, hand in hands.items() if pid not in dead}
        try:
            self._renew(living)
            self._bury(dead)
            self._heartbeat(len(living))
        except Error as exc:
            log.warning("keeper.database_away", error=type(exc).__name__, detail=str(exc)[:500])
            connection.close()

    def watch(self) -> None:
        """What needs no database, in a thread of its own: a database that is silent stops the tick, never this."""
        while True:
            living = {pid: hand for pid, hand in on_desk(self.desk).items() if _alive(pid)}
            with self.guard:
                self._end_unrenewed(living)
                self._climb(living)
            time.sleep(self._pause())

    def _renew(self, living: dict[int, tuple[int, UUID]]) -> None:
        if not living:
            return
        asked = time.monotonic()
        mine = {row.id: row for row in renew([attempt for attempt, _ in living.values()])}
        with self.guard:
            self.renewed |= dict.fromkeys(mine, asked)
            for pid, (attempt, _) in living.items():
                row = mine.get(attempt)
                if row is not None and (row.cancelled or row.overdue):
                    self._stop(pid, attempt, "cancelled" if row.cancelled else "overdue")
                elif row is None and attempt in self.doubted:
                    self._stop(pid, attempt, "the attempt is no longer this worker's")
        # An attempt that has just ended may still lie on the desk: only a second look tells it from a lost one.
        self.doubted = {attempt for attempt, _ in living.values()} - mine.keys()

    def _bury(self, dead: dict[int, tuple[int, UUID]]) -> None:
        for pid, (attempt, execution) in dead.items():
            bury(execution, attempt, why=f"the process {pid} that ran it on {self.name} died")
            clear(self.desk, pid)

    def _heartbeat(self, running: int) -> None:
        if time.monotonic() - self.beaten >= min(5.0, self.lease / 6):
            heartbeat(self.name, pid=self.worker_pid, running=running, rss_kb=_rss_kb(self.worker_pid))
            self.beaten = time.monotonic()

    def _end_unrenewed(self, living: dict[int, tuple[int, UUID]]) -> None:
        """The database is away: nobody may run on when others may take over."""
        held = {attempt for attempt, _ in living.values()}
        self.renewed = {attempt: at for attempt, at in self.renewed.items() if attempt in held}
        for pid, (attempt, _) in living.items():
            since = time.monotonic() - self.renewed.setdefault(attempt, time.monotonic())
            if since > self.lease * 0.6:
                self._stop(pid, attempt, "its lease could not be renewed")

    def _stop(self, pid: int, attempt: int, why: str) -> None:
        ladder = self.ladders.get(pid)
        if ladder is not None and ladder.attempt_id == attempt:
            return
        log.info("keeper.stops", pid=pid, attempt=attempt, why=why)
        pace = min(1.0, self.lease / 10)
        self.ladders[pid] = Ladder(
            attempt, time.monotonic(), [(0, signal.SIGUSR2), (pace, signal.SIGTERM), (3 * pace, signal.SIGKILL)]
        )

    def _climb(self, living: dict[int, tuple[int, UUID]]) -> None:
        for pid, ladder in list(self.ladders.items()):
            due = [step for step in ladder.steps if time.monotonic() - ladder.began >= step[0]]
            # Read again: a signal must not hit what the child has taken up meanwhile.
            if (on_desk(self.desk) if due else living).get(pid, (None,))[0] != ladder.attempt_id:
                del self.ladders[pid]
                continue
            ladder.steps = ladder.steps[len(due) :]
            for _, signum in due:
                _signal(pid, signum)

    def run(self) -> None:
        """Until the worker is gone; then whatever its children held is buried at once."""
        Thread(target=self.watch, daemon=True).start()
        while _alive(self.worker_pid) and os.getppid() == self.worker_pid:
            self.tick()
            time.sleep(self.tick_seconds)
        deadline = time.monotonic() + self.lease
        while (hands := on_desk(self.desk)) and time.monotonic() < deadline:
            for pid in hands:
                _signal(pid, signal.SIGKILL)
            self.tick()
            time.sleep(0.05)

    def _pause(self) -> float:
        soonest = [ladder.began + ladder.steps[0][0] for ladder in self.ladders.values() if ladder.steps]
        waits = [max(0.02, at - time.monotonic()) for at in soonest]
        return min([self.tick_seconds, *waits])


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _rss_kb(pid: int) -> int | None:
    with contextlib.suppress(psutil.Error):
        worker = psutil.Process(pid)
        return sum(p.memory_info().rss for p in [worker, *worker.children(recursive=True)]) // 1024
    return None


def _signal(pid: int, signum: int) -> None:
    """SIGKILL goes to the child's whole process group, the others to the child alone."""
    with contextlib.suppress(ProcessLookupError):
        if signum == signal.SIGKILL and os.getpgid(pid) == pid:
            os.killpg(pid, signum)
        else:
            os.kill(pid, signum)


def main(arguments: Sequence[str]) -> None:
    """Enlist the worker, then keep it."""
    name, pid, pools, concurrency, desk = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    keeper = Keeper(name, int(pid), Path(desk), policy().lease.total_seconds())
    while _alive(keeper.worker_pid):
        try:
            enlist(name, pid=keeper.worker_pid, pools=pools.split(","), concurrency=int(concurrency))
            break
        except Error as exc:
            log.warning("keeper.database_away", error=type(exc).__name__, detail=str(exc)[:500])
            connection.close()
            time.sleep(0.5)
    keeper.run()
    with contextlib.suppress(Error):
        discharge(name, pid=keeper.worker_pid)
