"""When things are due: text → Spec → instants. The one door to schedules for the engine, API, admin and SDK.

Pure: the caller hands in every instant, all aware; all answers are aware UTC. What a text may say is `grammar`'s
matter, clock changes are `crontimes`', django-celery-beat's rows are `beatrows`'.
"""

from datetime import UTC, datetime, timedelta

from tasks_app.domain import crontimes, durations
from tasks_app.domain.crontext import compiled
from tasks_app.domain.grammar import parse
from tasks_app.domain.spec import ScheduleError, Spec
from tasks_app.domain.zones import zone

__all__ = [
    "ScheduleError",
    "Spec",
    "describe",
    "latest_fires",
    "missed_between",
    "next_fire",
    "next_fires",
    "parse",
]

_TICK = timedelta(microseconds=1)


def next_fire(spec: Spec, *, after: datetime, anchor: datetime | None = None) -> datetime | None:
    """The first due instant strictly after `after`; None when there is none.

    An interval is due at anchor, anchor + step, anchor + 2 steps …; without an anchor it begins at `after`.
    """
    after = _utc(after, "after")
    if spec.step is not None:
        start = after if anchor is None else _utc(anchor, "anchor")
        return _in_calendar(start, spec.step, _steps_until(after, start, spec.step))
    if spec.at is not None:
        return spec.at if spec.at > after else None
    if spec.expr is None:
        return None
    due = crontimes.next_after(spec.expr, zone(spec.timezone), after.replace(tzinfo=None))
    return due and due.replace(tzinfo=UTC)


def next_fires(
    schedule: str | Spec | None,
    *,
    timezone: str = "UTC",
    after: datetime,
    count: int,
    anchor: datetime | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[datetime]:
    """The next `count` due instants after `after`, not before `start` and not after `end`.

    `timezone` reads a text; a Spec has its own. Without an anchor an interval begins at `start`, else at `after`.
    """
    spec = schedule if isinstance(schedule, Spec) else parse(schedule, timezone=timezone)
    at = _utc(after, "after")
    anchor = anchor or start or at
    if start is not None:
        at = max(at, _utc(start, "start") - _TICK)
    fires: list[datetime] = []
    while len(fires) < count:
        due = next_fire(spec, after=at, anchor=anchor)
        if due is None or (end is not None and due > end):
            break
        fires.append(due)
        at = due
    return fires


def missed_between(
    spec: Spec, *, first: datetime, until: datetime, anchor: datetime | None = None, limit: int = 1_000_000_000
) -> tuple[int, datetime | None]:
    """How many instants were due in (first, until], at most `limit`, and the last of them (whatever the limit).

    Nothing is replayed: an interval is arithmetic, cron costs a few microseconds for each day of the span.
    """
    first, until = _utc(first, "first"), _utc(until, "until")
    last = _last_due(spec, first, until, anchor)
    if last is None:
        return 0, None
    return min(_count_due(spec, first, until, anchor), limit), last


def latest_fires(
    spec: Spec, *, after: datetime, until: datetime, count: int, anchor: datetime | None = None
) -> list[datetime]:
    """The newest `count` instants due in (after, until], oldest first."""
    after, until = _utc(after, "after"), _utc(until, "until")
    anchor = anchor or after
    fires: list[datetime] = []
    while len(fires) < count and (last := _last_due(spec, after, until, anchor)) is not None:
        fires.append(last)
        until = last - _TICK
    return fires[::-1]


def describe(schedule: str | Spec | None, *, timezone: str = "UTC") -> str:
    """The schedule in plain words."""
    spec = schedule if isinstance(schedule, Spec) else parse(schedule, timezone=timezone)
    if spec.expr is not None:
        return f"{compiled(spec.expr).explain()} ({spec.timezone})"
    if spec.step is not None:
        return durations.words_for(spec.step).capitalize()
    if spec.at is not None:
        return f"Once, at {spec.at.astimezone(zone(spec.timezone)):%Y-%m-%d %H:%M:%S} ({spec.timezone})"
    return "Only when started by hand or by another task"


def _utc(instant: datetime, name: str) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{name} has no time zone; give an aware datetime.")
    return instant.astimezone(UTC)


def _steps_until(instant: datetime, start: datetime, step: timedelta) -> int:
    """How many due instants of the interval are not after `instant`; so also the number of the next one."""
    return 0 if instant < start else (instant - start) // step + 1


def _in_calendar(start: datetime, step: timedelta, number: int) -> datetime | None:
    try:
        return start + step * number
    except OverflowError:
        return None


def _count_due(spec: Spec, first: datetime, until: datetime, anchor: datetime | None) -> int:
    if spec.step is not None:
        start = first if anchor is None else _utc(anchor, "anchor")
        return _steps_until(until, start, spec.step) - _steps_until(first, start, spec.step)
    if spec.expr is not None:
        bounds = first.replace(tzinfo=None), until.replace(tzinfo=None)
        return crontimes.count_between(spec.expr, zone(spec.timezone), *bounds)
    return 1


def _last_due(spec: Spec, first: datetime, until: datetime, anchor: datetime | None) -> datetime | None:
    """The latest instant due in (first, until]."""
    last: datetime | None = None
    if spec.step is not None:
        start = first if anchor is None else _utc(anchor, "anchor")
        number = _steps_until(until, start, spec.step) - 1
        last = start + spec.step * number if number >= 0 else None
    elif spec.at is not None:
        last = spec.at if spec.at <= until else None
    elif spec.expr is not None:
        bounds = first.replace(tzinfo=None), until.replace(tzinfo=None)
        naive = crontimes.last_between(spec.expr, zone(spec.timezone), *bounds)
        last = naive and naive.replace(tzinfo=UTC)
    return last if last is not None and last > first else None
