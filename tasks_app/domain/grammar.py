"""The one grammar of schedules: any accepted text → Spec, anything else → ScheduleError.

Called through `schedules.parse` by the API, admin, SDK, templates and the tick. The forms themselves live in
`crontext`, `phrases` and `durations`; here is decided which of them a text is, and what holds for all of them.
"""

import re
from datetime import UTC, datetime, timedelta

from tasks_app.domain import crontext, durations, frequency, phrases, zones
from tasks_app.domain.spec import ScheduleError, Spec

LONGEST_TEXT = 200
LONGEST_STEP = timedelta(days=36_525)
_ONE_SECOND = timedelta(seconds=1)
# What is suggested when nothing nearer is right.
_SURE_SUGGESTION = "daily at 9:00"
_MANUAL = ("", "manual", "null", "none", "never")
_REAL_TIME = ("real-time", "realtime", "real time")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[t ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?\s?(z|[+-]\d\d:?\d\d)?", re.ASCII)


def parse(text: str | None, *, timezone: str = "UTC", minimum_interval: timedelta = _ONE_SECOND) -> Spec:
    """What `text` means in `timezone`. `Real-time` is the minimum interval; nothing may come more often than that."""
    if text is None:
        text = ""
    if not isinstance(text, str):
        raise ScheduleError(f"A schedule is text; {text!r} has no unit.", 0, "every 5 minutes")
    zones.zone(timezone)
    said = text.strip()
    indent = len(text) - len(text.lstrip())
    if len(said) > LONGEST_TEXT:
        raise ScheduleError(f"A schedule has at most {LONGEST_TEXT} characters.", LONGEST_TEXT, "every 5 minutes")
    try:
        spec = _spec(said, timezone, minimum_interval)
        _often_enough(spec, minimum_interval)
    except ScheduleError as error:
        right = _is_right(error.suggestion, minimum_interval)
        suggestion = error.suggestion if right else _SURE_SUGGESTION
        raise ScheduleError(error.message, error.position + indent, suggestion) from None
    return spec


def _is_right(suggestion: str, minimum_interval: timedelta) -> bool:
    try:
        _often_enough(_spec(suggestion, "UTC", minimum_interval), minimum_interval)
    except ScheduleError:
        return False
    return len(suggestion) <= LONGEST_TEXT


def _spec(said: str, timezone: str, minimum_interval: timedelta) -> Spec:
    low = said.lower()
    if low in _MANUAL:
        return Spec("manual", "manual", timezone)
    if low in _REAL_TIME:
        return Spec("interval", "real-time", timezone, step=minimum_interval)
    if low.startswith("@"):
        return _alias(said, timezone)
    if re.match(r"\d{4}-\d", low):
        return _once(said, timezone)
    if (step := _duration(low)) is not None:
        return _interval(step, timezone)
    if not low[0].isalpha() or "*" in low or low.startswith(("tz=", "cron_tz=")):
        return _cron(said, timezone)
    if re.match(r"p(t|\d)", low):
        raise ScheduleError("A duration is days, hours, minutes and whole seconds.", 0, "PT30M")
    phrase = phrases.understood(said)
    if phrase.step is not None:
        return _interval(phrase.step, timezone)
    return Spec("cron", phrase.text, timezone, expr=phrase.expr)


def _alias(said: str, timezone: str) -> Spec:
    low = said.lower()
    if low in crontext.ALIASES:
        return Spec("cron", low, timezone, expr=crontext.ALIASES[low])
    every = re.fullmatch(r"@every\s+(\S+)", low)
    if every and (step := durations.from_go(every[1])) is not None:
        return _interval(step, timezone)
    known = ", ".join(crontext.ALIASES)
    raise ScheduleError(f"{said!r} is not one of {known}.", 0, "@every 5m" if low.startswith("@every") else "@daily")


def _once(said: str, timezone: str) -> Spec:
    match = _INSTANT.fullmatch(said.lower())
    example = f"{said[:10]}T09:00:00Z"
    if match is None:
        raise ScheduleError("A single date is written year-month-dayThour:minute, then Z or an offset.", 0, example)
    try:
        named = datetime.fromisoformat(said.upper().replace(" ", "T", 1).replace(" ", ""))
        local = named if named.tzinfo else zones.at_wall(named, zones.zone(timezone))
        at = local.astimezone(UTC)
        shown = at.astimezone(zones.zone(timezone)).isoformat()
    except (ValueError, OverflowError):
        raise ScheduleError(f"{said!r} is not a date of the calendar.", 0, "2030-01-31T09:00:00Z") from None
    return Spec("once", shown, timezone, at=at)


def _duration(low: str) -> timedelta | None:
    return durations.from_iso(low) or durations.from_go(low)


def _interval(step: timedelta, timezone: str) -> Spec:
    if step > LONGEST_STEP:
        raise ScheduleError("An interval is at most 36525 days.", 0, "every 365 days")
    if step % _ONE_SECOND:
        raise ScheduleError("An interval is a whole number of seconds.", 0, "every second")
    return Spec("interval", durations.words_for(step), timezone, step=step)


def _cron(said: str, timezone: str) -> Spec:
    low = said.lower()
    if re.fullmatch(r"[0-9.]+", low):
        raise ScheduleError("A number alone has no unit.", len(said), f"every {low if low.isdecimal() else 5} minutes")
    if re.fullmatch(r"[-+.]?\d\S*|\d+\s*[a-z]+", low):
        raise ScheduleError(f"{said!r} is neither a duration nor a schedule.", 0, _as_phrase(low))
    if low.startswith(("tz=", "cron_tz=")):
        rest = said.partition(" ")[2].strip()
        raise ScheduleError("The zone of a schedule is given in its timezone field.", 0, rest)
    expr = crontext.checked(said)
    return Spec("cron", expr, timezone, expr=expr)


def _as_phrase(low: str) -> str:
    """`5 minutes`, `7d`, `9:00` are almost phrases: say which one was probably meant."""
    days = re.fullmatch(r"(\d{1,5})\s*d", low)
    if days:
        return f"every {days[1]} days"
    return f"daily at {low}" if ":" in low else f"every {low}"


def _often_enough(spec: Spec, minimum_interval: timedelta) -> None:
    """Refuse what would come more often than the operator allows."""
    if spec.step is not None:
        shortest = spec.step
    elif spec.expr is not None and minimum_interval > _ONE_SECOND:
        shortest = frequency.shortest_gap(spec.expr)
    else:
        return
    if shortest < minimum_interval:
        allowed = durations.words_for(minimum_interval)
        raise ScheduleError(f"This would come more often than allowed, which is {allowed}.", 0, allowed)
