"""Lengths of time in text: ISO-8601 (`PT30M`), Go (`1h30m`) and counted units (`5 minutes`).

Called by the schedule grammar and its phrases. Calendar units (months, years) have no fixed length and never come in.
"""

import re
from datetime import timedelta

SECONDS_IN = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_SHORT = {"sec": "second", "s": "second", "min": "minute", "m": "minute", "hr": "hour", "h": "hour"}
_GO_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

_ISO = re.compile(
    r"p(?:(?P<week>\d{1,9})w|(?:(?P<day>\d{1,9})d)?"
    r"(?:t(?=\d)(?:(?P<hour>\d{1,9})h)?(?:(?P<minute>\d{1,9})m)?(?:(?P<second>\d{1,9})s)?)?)",
    re.IGNORECASE | re.ASCII,
)
_GO_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)", re.ASCII)


def unit_named(word: str) -> str | None:
    """`minutes`, `min` and `m` are all `minute`; None for a word that is no unit of fixed length."""
    singular = word[:-1] if len(word) > 1 and word.endswith("s") else word
    singular = _SHORT.get(singular, singular)
    return singular if singular in SECONDS_IN else None


def from_iso(text: str) -> timedelta | None:
    """The length of an ISO-8601 duration in weeks, or in days, hours, minutes and seconds; None if it is none."""
    match = _ISO.fullmatch(text)
    if match is None or not any(match.groupdict().values()):
        return None
    return timedelta(seconds=sum(int(number) * SECONDS_IN[unit] for unit, number in match.groupdict("0").items()))


def from_go(text: str) -> timedelta | None:
    """The length of a Go duration such as `24h` or `1h30m`; None if it is none."""
    seconds, position = 0.0, 0
    while match := _GO_PART.match(text, position):
        seconds += float(match[1]) * _GO_SECONDS[match[2]]
        position = match.end()
    return timedelta(seconds=seconds) if position and position == len(text) else None


def largest_unit(step: timedelta) -> tuple[int, str]:
    """The biggest of day, hour, minute, second of which `step` is a whole number, and that number."""
    seconds = int(step.total_seconds())
    for unit in ("day", "hour", "minute"):
        if seconds % SECONDS_IN[unit] == 0:
            return seconds // SECONDS_IN[unit], unit
    return seconds, "second"


def words_for(step: timedelta) -> str:
    """`every 5 minutes`, `every minute`: the normal form of an interval."""
    number, unit = largest_unit(step)
    return f"every {unit}" if number == 1 else f"every {number} {unit}s"
