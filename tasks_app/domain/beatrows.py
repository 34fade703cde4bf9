"""Our schedules as rows of django-celery-beat, and its crontab rows as our text.

`to_beat` gives the nearest row beat can express; `from_beat_crontab` reads a row that somebody made or edited there.
Called by the engine's authoring and tick. Celery and the ORM never come in: fields are plain values.

The nearest crontab never leaves a fire out: Celery ANDs day of month and day of week where cron ORs them, knows no
seconds, no `L` and no `#`, so where it cannot be exact it comes more often, and the ledger decides.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tasks_app.domain import durations
from tasks_app.domain.crontext import compiled
from tasks_app.domain.grammar import parse
from tasks_app.domain.spec import ScheduleError, Spec

_LAST = -1000  # cronsim's marks for L and LW among days of month
_LAST_WEEKDAY = -1001
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class BeatProjection:
    """One row of beat's crontab, interval or clocked table; `start_at` is the PeriodicTask's start_time."""

    kind: Literal["crontab", "interval", "clocked"]
    fields: Mapping[str, Any]
    start_at: datetime | None = None


@dataclass(frozen=True)
class _Column:
    """A column of beat's crontab table: its name there and what Celery allows in it."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_COLUMNS = (
    _Column("minute", 0, 59),
    _Column("hour", 0, 23),
    _Column("day_of_month", 1, 31),
    _Column("month_of_year", 1, 12, _MONTHS),
    _Column("day_of_week", 0, 6, _WEEKDAYS),
)


def to_beat(spec: Spec, *, anchor: datetime | None = None) -> BeatProjection | None:
    """The row of beat's tables nearest to `spec`; None for a manual one, which beat has no row for."""
    if spec.step is not None:
        every, unit = durations.largest_unit(spec.step)
        return BeatProjection("interval", {"every": every, "period": f"{unit}s"}, anchor)
    if spec.at is not None:
        return BeatProjection("clocked", {"clocked_time": spec.at})
    if spec.expr is None:
        return None
    days, weekdays = _days_for_celery(spec.expr)
    cron = compiled(spec.expr)
    values = (cron.minutes, cron.hours, days, cron.months, weekdays)
    fields = {column.name: _compact(value, column) for column, value in zip(_COLUMNS, values, strict=True)}
    return BeatProjection("crontab", {**fields, "timezone": spec.timezone})


def from_beat_crontab(
    minute: str, hour: str, day_of_month: str, month_of_year: str, day_of_week: str, timezone: str = "UTC"
) -> str:
    """Beat's five columns as a text of our grammar (which then ORs the days as cron does)."""
    columns = zip(_COLUMNS, (minute, hour, day_of_month, month_of_year, day_of_week), strict=True)
    text = " ".join(_from_celery(value, column) for column, value in columns)
    return parse(text, timezone=timezone).text


def _days_for_celery(expr: str) -> tuple[set[int], set[int]]:
    """Days of month and weekdays whose AND includes every day `expr` fires on."""
    cron = compiled(expr)
    all_days, all_weekdays = set(range(1, 32)), set(range(7))
    days = _plain_days(cron.days)
    weekdays = {(item[0] if isinstance(item, tuple) else item) % 7 for item in cron.weekdays}
    if not cron.day_and:
        return all_days, all_weekdays
    nths = [item[1] for item in cron.weekdays if isinstance(item, tuple)]
    if days == all_days and len(nths) == len(cron.weekdays):
        days = {day for nth in nths for day in _days_of_nth(nth)}
    return days, weekdays


def _plain_days(days: Iterable[int]) -> set[int]:
    nearest = {_LAST: range(28, 32), _LAST_WEEKDAY: range(26, 32)}
    return {near for day in days for near in nearest.get(day, (day,))}


def _days_of_nth(nth: int) -> range:
    """The days of month on which the nth weekday of a month can fall."""
    return range(22, 32) if nth == _LAST else range(7 * nth - 6, min(7 * nth, 31) + 1)


def _compact(values: Iterable[int], column: _Column) -> str:
    """The shortest of `*`, `*/n` and a list of ranges that Celery reads as exactly `values`."""
    ordered = sorted(values)
    for step in range(1, (column.high - column.low) // 2 + 1):
        if ordered == list(range(column.low, column.high + 1, step)):
            return "*" if step == 1 else f"*/{step}"
    runs: list[list[int]] = []
    for value in ordered:
        if runs and runs[-1][1] == value - 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)


_TERM = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?", re.ASCII)


def _from_celery(text: str, column: _Column) -> str:
    return ",".join(_term_from_celery(term, text, column) for term in re.sub(r"\s", "", text).lower().split(","))


def _term_from_celery(term: str, whole: str, column: _Column) -> str:
    match = _TERM.fullmatch(term)
    if match is None:
        raise _unreadable(whole, column)
    star, first, last, step = match.groups()
    if star:
        return term
    low = _number(first, whole, column)
    high = low if last is None else _number(last, whole, column)
    if low <= high:
        ends = str(low) if low == high else f"{low}-{high}"
        return ends if step is None or low == high else f"{ends}/{step}"
    # Celery lets a range run over the end of its column (`22-4`, `fri-mon`); cron does not.
    around = [*range(low, column.high + 1), *range(column.low, high + 1)]
    return ",".join(str(value) for value in around[:: int(step or 1) or 1])


def _number(word: str, whole: str, column: _Column) -> int:
    number = int(word) if word.isdecimal() and len(word) < 5 else None
    if number is None and word[:3] in column.names:
        number = column.names.index(word[:3]) + column.low
    if number is None or not column.low <= number <= column.high:
        raise _unreadable(whole, column)
    return number


def _unreadable(whole: str, column: _Column) -> ScheduleError:
    message = f"{column.name} {whole!r} is not a crontab field; it takes {column.low} to {column.high}."
    return ScheduleError(message, 0, "*")
