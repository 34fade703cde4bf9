"""What one schedule row says about time: its next instant, and what came due in a span.

Plain values in, plain values out, every instant handed in. Called by scheduling, rederive and tick; no statement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from tasks_app.domain import schedules
from tasks_app.domain.occurrences import NOT_RUNNING, Backlog, CatchUp, Plan, decide
from tasks_app.engine.clock import policy

_TICK = timedelta(microseconds=1)
# One schedule turns at most so many instants into executions in one tick; what is older counts as a gap.
MOST_RUNS = 1_000
REAL_TIME = "real-time"


@lru_cache(maxsize=20_000)
def spec_of(text: str, timezone: str) -> schedules.Spec:
    """The parsed text. One that was accepted stays valid when the operator raises the smallest interval."""
    smallest = policy().minimum_interval if text == REAL_TIME else timedelta(seconds=1)
    return schedules.parse(text, timezone=timezone, minimum_interval=smallest)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule is due. `start_at` and `end_at` are both allowed instants."""

    text: str
    timezone: str
    anchor: datetime | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None

    @classmethod
    def of(cls, row: Any) -> "Timing":
        """From a schedule row or anything with its columns."""
        return cls(row.text, row.timezone, row.anchor, row.start_at, row.end_at)

    @property
    def spec(self) -> schedules.Spec:
        return spec_of(self.text, self.timezone)

    def next_after(self, instant: datetime) -> datetime | None:
        """The first due instant after `instant`; None when there is none any more."""
        if self.start_at is not None:
            instant = max(instant, self.start_at - _TICK)
        due = schedules.next_fire(self.spec, after=instant, anchor=self.anchor)
        return None if due is None or (self.end_at is not None and due > self.end_at) else due

    def backlog(self, first: datetime, until: datetime, *, window: timedelta, catch_up: int) -> Backlog | None:
        """What came due from `first` to `until`, the newest one by one as far as they may run."""
        until = until if self.end_at is None else min(until, self.end_at)
        before = first - _TICK
        count, last = schedules.missed_between(self.spec, first=before, until=until, anchor=self.anchor)
        if last is None:
            return None
        on_time, _ = schedules.missed_between(
            self.spec, first=max(before, until - window - _TICK), until=until, anchor=self.anchor
        )
        # Two more than may run: the newest that does not run must be among them.
        wanted = min(count, on_time + catch_up + 2, MOST_RUNS + 2)
        recent = schedules.latest_fires(self.spec, after=before, until=until, count=wanted, anchor=self.anchor)
        return Backlog(recent[0] if len(recent) == count else first, last, count, tuple(recent))


def plan(
    row: Any, *, now: datetime, until: datetime | None = None, under_way: int = 0, reason: str | None = None
) -> Plan:
    """What becomes of the instants of a due row up to `until` (now). With a `reason` all of them are missed for it."""
    catch_up = CatchUp(row.catch_up) if reason is None else CatchUp.NONE
    window = timedelta(seconds=row.misfire_seconds) if reason is None else timedelta(days=-1)
    limit = min(row.catch_up_limit, MOST_RUNS) if catch_up is CatchUp.ALL else 1
    backlog = _due(row, until or now, window=window, catch_up=limit)
    if backlog is None:
        return Plan()
    if len(backlog.recent) < backlog.count:
        window = min(window, now - backlog.recent[1])
    return decide(
        backlog,
        now=now,
        misfire_window=window,
        catch_up=catch_up,
        limit=limit,
        overlap=row.overlap,
        running=under_way,
        reason=reason or NOT_RUNNING,
    )


def _due(row: Any, until: datetime, *, window: timedelta, catch_up: int) -> Backlog | None:
    """Nearly always one instant: the span is looked into only when the next one is due as well."""
    timing, first = Timing.of(row), row.next_due_at
    if first > until:
        return None
    following = timing.next_after(first)
    if following is None or following > until:
        return Backlog(first, first, 1, (first,))
    return timing.backlog(first, until, window=window, catch_up=catch_up)
