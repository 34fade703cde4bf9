"""When a cron expression fires in a time zone: the next instant, how many in a span, the last of a span.

Called by `schedules` only. Instants here are naive UTC at whole seconds; walls are what a clock in the zone shows.

One policy for every zone, Debian cron's: an expression with fixed times (no field of seconds, minutes or hours starts
with `*`) fires once for each wall time, the first time the clock shows it; a time the clock jumps over fires at the
jump, together with whatever else falls there. Any other expression follows real time: it fires whenever the clock
shows a time that fits, so `*/15` stays evenly spaced. Five and six fields follow the same rule: writing the seconds
out does not move a schedule.

cronsim is asked for matching walls only. Between two clock changes walls and instants differ by a constant, so time
is cut into such stretches; that is also why counting costs days, not fires.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from tasks_app.domain.crontext import compiled
from tasks_app.domain.zones import change_after, offset

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
# Further than any clock was ever moved.
_NEARBY = timedelta(days=2)
# The longest memory a clock change needs: after going back, walls already shown are not fired again.
_LONGEST_JUMP = timedelta(hours=25)


@dataclass(frozen=True)
class _Stretch:
    """Walls in (floor, ceiling], all `shift` ahead of UTC; `opening` is an instant fired by the jump before it."""

    floor: datetime
    ceiling: datetime
    shift: timedelta
    opening: datetime | None


def next_after(expr: str, place: ZoneInfo, instant: datetime) -> datetime | None:
    """The first fire strictly after `instant`; None if none comes within 50 years."""
    instant = instant.replace(microsecond=0)
    shift = offset(place, instant)
    floor = _first_floor(expr, place, instant, shift)
    while True:
        wall = _wall_after(expr, floor)
        if wall is None:
            return None
        if wall - shift - instant > 2 * _NEARBY:
            # No wall fits before this one, so no clock change on the way there matters.
            instant = wall - shift - _NEARBY
            shift = offset(place, instant)
        jump = change_after(place, instant, wall - shift)
        if jump is None:
            return wall - shift
        new_shift = offset(place, jump)
        opens, floor = _across(expr, jump, shift, new_shift)
        if opens:
            return jump
        instant, shift = jump, new_shift


def count_between(expr: str, place: ZoneInfo, first: datetime, until: datetime) -> int:
    """How many fires are in (first, until]."""
    return sum(
        (stretch.opening is not None) + _walls_between(expr, stretch.floor, stretch.ceiling)
        for stretch in _stretches(expr, place, first, until)
    )


def last_between(expr: str, place: ZoneInfo, first: datetime, until: datetime) -> datetime | None:
    """The latest fire in (first, until]."""
    back = _NEARBY
    while (found := _last_since(expr, place, max(first, until - back), until)) is None and until - back > first:
        back *= 8
    return found


def _last_since(expr: str, place: ZoneInfo, first: datetime, until: datetime) -> datetime | None:
    for stretch in reversed(list(_stretches(expr, place, first, until))):
        wall = next(CronSim(expr, stretch.ceiling + _SECOND, reverse=True), None)
        if wall is not None and wall > stretch.floor:
            return wall - stretch.shift
        if stretch.opening is not None:
            return stretch.opening
    return None


def _stretches(expr: str, place: ZoneInfo, first: datetime, until: datetime) -> Iterator[_Stretch]:
    instant, until = first.replace(microsecond=0), until.replace(microsecond=0)
    shift = offset(place, instant)
    floor, opening = _first_floor(expr, place, instant, shift), None
    while instant < until:
        jump = change_after(place, instant, until)
        yield _Stretch(floor, (jump - _SECOND if jump else until) + shift, shift, opening)
        if jump is None:
            return
        new_shift = offset(place, jump)
        opens, floor = _across(expr, jump, shift, new_shift)
        instant, shift, opening = jump, new_shift, jump if opens else None
    if opening is not None:
        yield _Stretch(floor, floor, shift, opening)


def _has_fixed_times(expr: str) -> bool:
    return not any(field.startswith("*") for field in expr.split()[:-3])


def _first_floor(expr: str, place: ZoneInfo, instant: datetime, shift: timedelta) -> datetime:
    """The wall after which to look, when the clock may have gone back shortly before `instant`."""
    earlier = instant - _LONGEST_JUMP
    if offset(place, earlier) > shift and _has_fixed_times(expr):
        jump = change_after(place, earlier, instant)
        if jump is not None:
            return max(instant + shift, _across(expr, jump, offset(place, earlier), shift)[1])
    return instant + shift


def _across(expr: str, jump: datetime, before: timedelta, after: timedelta) -> tuple[bool, datetime]:
    """At a clock change: whether it fires at that instant, and the wall after which to go on."""
    if not _has_fixed_times(expr):
        return False, jump + after - _SECOND
    if after < before:
        return False, jump + before - _SECOND
    skipped = _wall_after(expr, jump + before - _SECOND)
    return skipped is not None and skipped <= jump + after, jump + after


def _wall_after(expr: str, wall: datetime) -> datetime | None:
    try:
        return next(CronSim(expr, wall), None)
    except OverflowError:  # beyond the year 9999
        return None


def _walls_between(expr: str, floor: datetime, ceiling: datetime) -> int:
    """How many walls in (floor, ceiling] fit: whole days by multiplication, the two edges exactly."""
    if ceiling <= floor:
        return 0
    cron = compiled(expr)
    a_day = len(cron.hours) * len(cron.minutes) * len(cron.seconds)
    whole, day = 0, floor.date()
    while day < ceiling.date():
        whole += day.month in cron.months and cron.match_day(day)
        day += _DAY
    return whole * a_day + _walls_of_day(cron, ceiling) - _walls_of_day(cron, floor)


def _walls_of_day(cron: CronSim, wall: datetime) -> int:
    """How many walls fit on the day of `wall`, up to and with it."""
    if wall.month not in cron.months or not cron.match_day(wall.date()):
        return 0
    at: time = wall.time()
    earlier_hours = sum(hour < at.hour for hour in cron.hours) * len(cron.minutes) * len(cron.seconds)
    if at.hour not in cron.hours:
        return earlier_hours
    earlier_minutes = sum(minute < at.minute for minute in cron.minutes) * len(cron.seconds)
    seconds = sum(second <= at.second for second in cron.seconds) if at.minute in cron.minutes else 0
    return earlier_hours + earlier_minutes + seconds
