"""What becomes of due instants: which run, which are missed, and when one counts as late.

Called by the tick with what came due since the last one. `schedules` says what is due; rows and clocks stay out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

NOT_RUNNING = "scheduler down"
OVERLAPPED = "overlap"


class CatchUp(StrEnum):
    """What is done about instants beyond the misfire window."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


class Overlap(StrEnum):
    """What is done when an earlier execution of the schedule has not ended."""

    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    QUEUE = "queue"
    ALLOW = "allow"
    CANCEL = "cancel"


class Cause(StrEnum):
    """Why an occurrence runs."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"


@dataclass(frozen=True, slots=True)
class Backlog:
    """`count` instants due from `first` to `last`; `recent` are the newest of them, one by one, oldest first.

    `recent` holds all that may run, those within the misfire window and as many as the catch-up limit allows, and one
    more if there is one.
    """

    first: datetime
    last: datetime
    count: int
    recent: tuple[datetime, ...]

    def __post_init__(self) -> None:
        if not self.recent or self.recent[-1] != self.last or len(self.recent) > self.count:
            raise ValueError("recent ends with last and holds at most count instants.")
        if (len(self.recent) == self.count) != (self.recent[0] == self.first):
            raise ValueError("recent begins with first exactly if it holds all instants.")


@dataclass(frozen=True, slots=True)
class Run:
    """Turn this instant into an execution."""

    due_at: datetime
    cause: Cause


@dataclass(frozen=True, slots=True)
class Gap:
    """Record these instants as missed: one row of the ledger."""

    first: datetime
    last: datetime
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: runs in the order they shall begin, gaps oldest first."""

    runs: tuple[Run, ...] = ()
    missed: tuple[Gap, ...] = ()
    cancel_running: bool = False


def decide(
    due: Backlog | Sequence[datetime],
    *,
    now: datetime,
    misfire_window: timedelta,
    catch_up: CatchUp | str = CatchUp.LATEST,
    limit: int = 100,
    overlap: Overlap | str = Overlap.QUEUE,
    running: int = 0,
    waiting: int = 0,
    newest_first: bool = False,
    reason: str = NOT_RUNNING,
) -> Plan:
    """The plan for instants due at `now`: those within the misfire window run on schedule, the others by `catch_up`.

    The rest is one gap with `reason`. `running` and `waiting` count the schedule's executions under way.
    """
    if not due:
        return Plan()
    backlog = due if isinstance(due, Backlog) else Backlog(due[0], due[-1], len(due), tuple(due))
    on_time = [at for at in backlog.recent if now - at <= misfire_window]
    overdue = backlog.recent[: len(backlog.recent) - len(on_time)]
    caught = _caught_up(overdue, CatchUp(catch_up), limit, anything_newer=bool(on_time))
    runs = [Run(at, Cause.CATCH_UP) for at in caught] + [Run(at, Cause.SCHEDULE) for at in on_time]
    passed = backlog.count - len(runs)
    missed = []
    if passed:
        missed.append(Gap(backlog.first, _last_passed(backlog, passed, overdue, len(caught)), passed, reason))
    plan = _held_apart(Plan(tuple(runs), tuple(missed)), Overlap(overlap), running=running, waiting=waiting)
    return replace(plan, runs=plan.runs[::-1]) if newest_first else plan


def _caught_up(
    overdue: Sequence[datetime], catch_up: CatchUp, limit: int, *, anything_newer: bool
) -> Sequence[datetime]:
    """none runs none; all runs the newest `limit`; latest runs the newest, unless something newer runs anyway: after
    an outage the work is done once, now.
    """
    if catch_up is CatchUp.ALL:
        return overdue[max(len(overdue) - limit, 0) :]
    if catch_up is CatchUp.LATEST and not anything_newer:
        return overdue[-1:]
    return ()


def _last_passed(backlog: Backlog, passed: int, overdue: Sequence[datetime], caught: int) -> datetime:
    """The newest instant that does not run; all that run are newer."""
    kept = len(overdue) - caught
    if kept:
        return overdue[kept - 1]
    if passed == 1:
        return backlog.first
    raise ValueError("recent must reach back to the newest instant that does not run.")


def _held_apart(plan: Plan, overlap: Overlap, *, running: int, waiting: int) -> Plan:
    """Hold the runs against each other and against what is under way.

    skip: one at a time, the newest, and only if nothing is under way. queue_one: one may wait behind one that runs.
    queue and allow: all of them (whether they run at once is a slot's matter). cancel: the newest, in place of what
    runs. An instant left out is missed with reason overlap.
    """
    under_way = running + waiting
    if overlap is Overlap.SKIP:
        room = 0 if under_way else 1
    elif overlap is Overlap.QUEUE_ONE:
        room = max(0, 1 - waiting) + (1 if under_way == 0 else 0)
    elif overlap is Overlap.CANCEL:
        room = 1
    else:
        return plan
    left_out = plan.runs[: max(len(plan.runs) - room, 0)]
    gaps = plan.missed
    if left_out:
        gaps = (*gaps, Gap(left_out[0].due_at, left_out[-1].due_at, len(left_out), OVERLAPPED))
    runs = plan.runs[len(left_out) :]
    return Plan(runs, gaps, cancel_running=overlap is Overlap.CANCEL and bool(runs) and under_way > 0)


Punctuality = Literal["waiting", "on_time", "late", "missed"]


def punctuality(due_at: datetime, *, began_at: datetime | None, now: datetime, grace: timedelta) -> Punctuality:
    """How the ledger flags an occurrence: begun within the grace or not, or not begun though the grace is over.

    A missed one may still run and is then late; only `start_by` or a person ends it.
    """
    if began_at is not None:
        return "late" if began_at - due_at > grace else "on_time"
    return "missed" if now - due_at > grace else "waiting"
