"""Time zones by name, and the instant at which a zone's wall clock shows a given time.

Called by `grammar` and `crontimes`. No schedule and no current time comes in here.
"""

import difflib
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from tasks_app.domain.spec import ScheduleError

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo:
    """The IANA zone called `name`, or a ScheduleError that names the nearest one."""
    try:
        return zoneinfo.ZoneInfo(name)
    # A folder of the zone database ("Europe") is an OSError, a path or an empty name a ValueError, the rest a KeyError.
    except (KeyError, ValueError, OSError, TypeError):
        raise ScheduleError(f"{name!r} is not a time zone.", 0, _nearest(str(name))) from None


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name[:60].lower().replace(" ", "_"), _known(), n=1)
    return _known()[near[0]] if near else "UTC"


def offset(place: zoneinfo.ZoneInfo, instant: datetime) -> timedelta:
    """What `place` adds to UTC at `instant` (naive UTC)."""
    return instant.replace(tzinfo=UTC).astimezone(place).utcoffset() or timedelta(0)


def change_after(place: zoneinfo.ZoneInfo, instant: datetime, until: datetime) -> datetime | None:
    """The first instant in (instant, until] at which the offset is another one (naive UTC); None if there is none.

    Looked for day by day: no zone changes its clock and changes it back within one day.
    """
    if place.key == "UTC":
        return None
    before, low = offset(place, instant), instant
    while low < until:
        high = min(low + _DAY, until)
        if offset(place, high) != before:
            return _bisected(place, low, high, before)
        low = high
    return None


def _bisected(place: zoneinfo.ZoneInfo, low: datetime, high: datetime, before: timedelta) -> datetime:
    low, high = low.replace(microsecond=0), high.replace(microsecond=0) + (_SECOND if high.microsecond else 0 * _SECOND)
    while high - low > _SECOND:
        middle = low + (high - low) // 2 // _SECOND * _SECOND
        low, high = (middle, high) if offset(place, middle) == before else (low, middle)
    return high


def at_wall(wall: datetime, place: zoneinfo.ZoneInfo) -> datetime:
    """The instant at which the clock of `place` shows the naive `wall`.

    Shown twice, it is the first time; never shown, it is the instant the clock jumps over it.
    """
    instant = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    if instant.astimezone(place).replace(tzinfo=None) == wall:
        return instant
    earlier = (wall.replace(tzinfo=place, fold=1).astimezone(UTC)).replace(tzinfo=None)
    jump = change_after(place, earlier - _DAY, instant.replace(tzinfo=None) + _DAY)
    return jump.replace(tzinfo=UTC) if jump else instant
