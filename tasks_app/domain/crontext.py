"""A cron expression as text: is it one, and if not, which term of which field is wrong and what would be right.

Called by `grammar`, which holds back a suggestion that is not right itself. When an expression fires is `crontimes`'
question.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cronsim import CronSim, CronSimError

from tasks_app.domain.spec import ScheduleError

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# A day of the Gregorian calendar to start from when asking whether an expression ever fires; the answer has no clock.
_EPOCH = datetime(2000, 1, 1)


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    takes: str
    otherwise: str  # the term suggested when nothing better is known


_FIELDS = (
    _Field("second", 0, 59, "0 to 59", "0"),
    _Field("minute", 0, 59, "0 to 59", "0"),
    _Field("hour", 0, 23, "0 to 23", "9"),
    _Field("day of month", 1, 31, "1 to 31, L or LW", "1"),
    _Field("month", 1, 12, "1 to 12 or JAN to DEC", "1"),
    _Field("day of week", 0, 7, "0 to 7 or SUN to SAT (0 and 7 are Sunday), 5L or 1#2", "MON"),
)
_LONG_NAMES = {name.upper(): name[:3].upper() for name in (*calendar.day_name, *calendar.month_name) if name}
_REVERSED = re.compile(r"(\w+)-(\w+)", re.ASCII)


@lru_cache(maxsize=4096)
def compiled(expr: str) -> CronSim:
    """cronsim's reading of `expr`. Shared: take its fields or a copy, never step it."""
    return CronSim(expr, _EPOCH)


def checked(text: str) -> str:
    """`text` as a cron expression in its normal form, or a ScheduleError that points at the first wrong term."""
    words = [(_ranges_of_one(match.group().upper()), match.start()) for match in re.finditer(r"\S+", text)]
    _refuse_year(words)
    if len(words) not in (5, 6):
        raise _wrong_count(words)
    for (word, position), field in zip(words, _FIELDS[-len(words) :], strict=True):
        _check_field(words, word, position, field)
    expr = " ".join(word for word, _ in words)
    if not _ever_fires(expr):
        days = words[-3][0]
        raise ScheduleError(
            f"No date fits day of month {days} with month {words[-2][0]} and day of week {words[-1][0]}.",
            words[-3][1],
            _replaced(words, words[-3][1], "L"),
        )
    return expr


def _ranges_of_one(word: str) -> str:
    """`5-5/15` is 5 alone; cronsim would read it as `5/15`."""
    return re.sub(r"\b(\w+)-\1/\d+\b", r"\1", word, flags=re.ASCII)


def _wrong_count(words: list[tuple[str, int]]) -> ScheduleError:
    message = (
        f"A cron expression has 5 fields (minute, hour, day, month, weekday) or 6 (seconds first), not {len(words)}."
    )
    padded = [*(word for word, _ in words), *["*"] * (5 - len(words))]
    return ScheduleError(message, words[-1][1], " ".join(padded))


def _refuse_year(words: list[tuple[str, int]]) -> None:
    """Quartz and some libraries put a year last."""
    last, position = words[-1]
    if len(words) == 7 or (len(words) == 6 and re.fullmatch(r"(19|20)\d\d", last, re.ASCII)):
        rest = " ".join(word for word, _ in words[:-1]).replace("?", "*")
        raise ScheduleError("A year is not a field of a cron expression.", position, rest)


def _check_field(words: list[tuple[str, int]], word: str, position: int, field: _Field) -> None:
    for term in word.split(","):
        problem = _problem(term, field)
        if problem:
            raise ScheduleError(problem, position, _suggestion(words, word, term, field))
        position += len(term) + 1


def _problem(term: str, field: _Field) -> str | None:
    """What is wrong with one comma-separated term of a field; None if nothing is."""
    if step := _step_too_long(term, field):
        return f"A step of {step} never comes round in {field.name}, which takes {field.takes}."
    if term == "?":
        return f"'?' is another scheduler's sign for any {field.name}; here it is '*'."
    before = _FIELDS.index(field)
    if term and _accepts(" ".join(["*"] * before + [term] + ["*"] * (5 - before))):
        return None
    shown = repr(term) if term else "an empty term"
    return f"{field.name.capitalize()} takes {field.takes}, single or as a-b, */n or a list; this is {shown}."


def _step_too_long(term: str, field: _Field) -> int | None:
    """The step of `*/n` when the field is shorter than it; cronsim would then quietly take the first value only."""
    match = re.fullmatch(r"\*/(\d+)", term, re.ASCII)
    size = field.high - field.low + (field.name != "day of week")
    return int(match[1]) if match and int(match[1]) > size else None


def _suggestion(words: list[tuple[str, int]], word: str, term: str, field: _Field) -> str:
    step = _step_too_long(term, field)
    if step and field.name in ("second", "minute", "hour"):
        return f"every {step} {field.name}s"
    mended = word.replace(term, _mended(term, field), 1) if term else field.otherwise
    start = next(start for other, start in words if other is word)
    return _replaced(words, start, mended)


def _mended(term: str, field: _Field) -> str:
    """The nearest right term, as far as that can be told."""
    for long, short in _LONG_NAMES.items():
        term = term.replace(long, short)
    candidates = [term]
    if term in ("?", "*/0"):
        candidates.append("*")
    if term.isdecimal() and int(term) == field.high + 1:
        candidates.append(str(field.low))
    if reverse := _REVERSED.fullmatch(term):
        candidates.append(_unrolled(reverse[1], reverse[2], field))
    return next((candidate for candidate in candidates if _problem(candidate, field) is None), field.otherwise)


def _unrolled(first: str, last: str, field: _Field) -> str:
    """`22-6` in hours as `22-23,0-6`."""
    high = 6 if field.name == "day of week" else field.high
    low = "SUN" if first in ("FRI", "SAT") else str(field.low)
    head = first if first in (str(high), "SAT") else f"{first}-{'SAT' if first == 'FRI' else high}"
    tail = last if last == low else f"{low}-{last}"
    return f"{head},{tail}"


def _replaced(words: list[tuple[str, int]], position: int, by: str) -> str:
    """The expression with the field at `position` replaced; `?` is Quartz' word for `*`."""
    return " ".join(by if start == position else word for word, start in words).replace("?", "*")


def _accepts(expr: str) -> bool:
    try:
        compiled(expr)
    # Beside its own error cronsim lets a bare assertion out of a step over a weekday such as `1#2/3`.
    except (CronSimError, AssertionError, ValueError, TypeError):
        return False
    return True


def _ever_fires(expr: str) -> bool:
    return _accepts(expr) and next(CronSim(expr, _EPOCH - timedelta(seconds=1)), None) is not None
