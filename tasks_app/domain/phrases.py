"""Schedules in plain English: `every 5 minutes`, `daily at 9:00`, `mondays and fridays at 8:30 am`.

Called by `grammar` once a text is known to start with a word; it holds back a suggestion that is not right itself.
Knows no time zone and no operator's limits.
"""

import calendar
import difflib
import re
from dataclasses import dataclass
from datetime import timedelta

from tasks_app.domain import durations
from tasks_app.domain.spec import ScheduleError

# Day of month, month and day of week of each calendar word.
_CALENDARS = {
    "daily": "* * *",
    "weekdays": "* * 1-5",
    "weekends": "* * 0,6",
    "weekly": "* * 0",
    "monthly": "1 * *",
    "yearly": "1 1 *",
}
_SAME = {"annually": "yearly", "weekday": "weekdays", "weekend": "weekends"}
_EVERY = {"day": "daily", "week": "weekly", "month": "monthly", "year": "yearly"}
_DAYS = {name.lower(): number for number, name in zip((1, 2, 3, 4, 5, 6, 0), calendar.day_name, strict=True)}
_DAY_NAMES = {number: name for name, number in _DAYS.items()}
_OPENERS = ("every", "hourly", "manual", "real-time", *_CALENDARS, *_SAME, *(f"{day}s" for day in _DAYS))
_UNITS = tuple(f"{unit}s" for unit in durations.SECONDS_IN)
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*(am|pm)?", re.ASCII)


@dataclass(frozen=True)
class Phrase:
    """What the words mean: an interval (`step`) or a cron expression (`expr`), and their normal form."""

    text: str
    step: timedelta | None = None
    expr: str | None = None


@dataclass(frozen=True)
class _Word:
    text: str
    position: int


def understood(text: str) -> Phrase:
    """The meaning of `text`, or a ScheduleError at the first word that cannot be followed."""
    words = [_Word(match.group().lower(), match.start()) for match in re.finditer(r"[^\s,]+", text)]
    if not words:
        raise ScheduleError("There is nothing to follow here.", 0, "daily at 9:00")
    if words[0].text == "every":
        return _every(words)
    if words[0].text == "hourly" and len(words) == 1:
        return Phrase("hourly", expr="0 * * * *")
    return _calendar(words)


def _every(words: list[_Word]) -> Phrase:
    if len(words) == 1:
        raise ScheduleError("'every' needs a number and a unit.", words[0].position + 5, "every 5 minutes")
    second = words[1]
    if _day_number(second.text) is not None or second.text in ("weekday", "weekend"):
        return _calendar(words[1:])
    if second.text in _EVERY and (second.text in ("month", "year") or _word_at(words, 2) == "at"):
        return _calendar([_Word(_EVERY[second.text], second.position), *words[2:]])
    if second.text[0] in "+-.0123456789":
        return _counted(words)
    return _interval(words, count=1, unit_index=1)


def _counted(words: list[_Word]) -> Phrase:
    second = words[1]
    if (step := durations.from_go(second.text)) is not None:
        _no_more(words, 2, "every 30 minutes")
        return _phrase_for(step, second)
    if not re.fullmatch(r"[0-9]{1,9}", second.text):
        raise ScheduleError(f"{second.text!r} is not a whole number.", second.position, "every 5 minutes")
    return _interval(words, count=int(second.text), unit_index=2)


def _interval(words: list[_Word], *, count: int, unit_index: int) -> Phrase:
    if unit_index >= len(words):
        end = words[-1].position + len(words[-1].text)
        raise ScheduleError("The number needs a unit.", end, f"every {count or 5} minutes")
    word = words[unit_index]
    unit = durations.unit_named(word.text)
    if unit is None:
        raise _no_unit(word, count)
    _no_more(words, unit_index + 1, f"every {count} {word.text}")
    return _phrase_for(timedelta(seconds=1) * count * durations.SECONDS_IN[unit], words[1])


def _no_unit(word: _Word, count: int) -> ScheduleError:
    if word.text.rstrip("s") in ("month", "year"):
        months = {1: "*", 12: "1"}.get(count * (12 if "year" in word.text else 1), f"*/{min(max(count, 2), 12)}")
        return ScheduleError(
            f"{word.text.capitalize()} differ in length; say it as a calendar or a cron expression.",
            word.position,
            f"0 0 1 {months} *",
        )
    near = _nearest(word.text, _UNITS) or "minutes"
    return ScheduleError(f"{word.text!r} is not a unit of time.", word.position, f"every {max(count, 2)} {near}")


def _phrase_for(step: timedelta, word: _Word) -> Phrase:
    if step <= timedelta(0):
        raise ScheduleError("An interval is longer than nothing.", word.position, "every 5 minutes")
    return Phrase(durations.words_for(step), step=step)


def _calendar(words: list[_Word]) -> Phrase:
    """`<days> [at <time>]`, where days are one calendar word or a list of weekdays."""
    at = next((index for index, word in enumerate(words) if word.text == "at"), len(words))
    name, days = _days(words[:at], words)
    if at == len(words):
        return Phrase(name, expr=f"0 0 {days}")
    hour, minute = _clock(words, at, name)
    return Phrase(f"{name} at {hour}:{minute:02d}", expr=f"{minute} {hour} {days}")


def _days(words: list[_Word], whole: list[_Word]) -> tuple[str, str]:
    if not words:
        raise ScheduleError("The days are missing before 'at'.", whole[0].position, "daily at 9:00")
    first = _SAME.get(words[0].text, words[0].text)
    if first in _CALENDARS:
        _no_more(words, 1, f"{first} at 9:00")
        return first, _CALENDARS[first]
    numbers = {_weekday(word, whole) for word in words if word.text != "and"}
    if not numbers or words[0].text == "and" or words[-1].text == "and":
        raise ScheduleError("A day is missing beside 'and'.", words[0].position, "mondays and fridays")
    # Monday first, as people say it; cron's Sunday is 0.
    ordered = sorted(numbers, key=lambda number: (number - 1) % 7)
    names = [f"{_DAY_NAMES[number]}s" for number in ordered]
    return " and ".join(names), f"* * {','.join(str(number) for number in sorted(numbers))}"


def _weekday(word: _Word, words: list[_Word]) -> int:
    number = _day_number(word.text)
    if number is None:
        near = _nearest(word.text, _OPENERS)
        mended = " ".join(near if near and other is word else other.text for other in words)
        raise ScheduleError(f"{word.text!r} is not a word of a schedule.", word.position, mended)
    return number


def _day_number(word: str) -> int | None:
    singular = word[:-1] if word.endswith("days") else word
    return next((number for day, number in _DAYS.items() if singular in (day, day[:3])), None)


def _clock(words: list[_Word], at: int, name: str) -> tuple[int, int]:
    said = " ".join(word.text for word in words[at + 1 :])
    if not said:
        raise ScheduleError("'at' needs a time of day.", words[at].position + 2, f"{name} at 9:00")
    if said in ("noon", "midnight"):
        return (12 if said == "noon" else 0), 0
    match = _CLOCK.fullmatch(said)
    time = _time_of(match) if match and (match[2] or match[3]) else None
    if time is None:
        raise ScheduleError(f"{said!r} is not a time of day.", words[at + 1].position, f"{name} at 9:00")
    return time


def _time_of(match: re.Match[str]) -> tuple[int, int] | None:
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if minute > 59 or (half and not 1 <= hour <= 12) or hour > 23:
        return None
    return (hour % 12 + (12 if half == "pm" else 0) if half else hour), minute


def _no_more(words: list[_Word], index: int, suggestion: str) -> None:
    if index < len(words):
        extra = words[index]
        raise ScheduleError(f"{extra.text!r} cannot follow here.", extra.position, suggestion)


def _word_at(words: list[_Word], index: int) -> str | None:
    return words[index].text if index < len(words) else None


def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    return next(iter(difflib.get_close_matches(word[:30], known, n=1, cutoff=0.6)), None)
