"""How close together the fires of a cron expression can come.

Called by `grammar` to hold the operator's minimum interval. Counts wall-clock time; zones never come in.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

from tasks_app.domain.crontext import compiled

_DAY_SECONDS = 86_400
# A leap year stands for all years: it has every month's length, and weekdays meet every month's end.
_A_YEAR = [date(2024, 1, 1) + timedelta(days=day) for day in range(367)]


def shortest_gap(expr: str) -> timedelta:
    """The shortest time between two fires of `expr` (from one day to the next if only days separate them)."""
    cron = compiled(expr)
    gap, span = _joined(float("inf"), 0, cron.seconds, 1)
    gap, span = _joined(gap, span, cron.minutes, 60)
    gap, span = _joined(gap, span, cron.hours, 3_600)
    return timedelta(seconds=min(gap, _days_between(expr) * _DAY_SECONDS - span))


def _joined(gap: float, span: int, values: Iterable[int], unit_seconds: int) -> tuple[float, int]:
    """The gap and the span of a pattern (`gap`, `span`) repeated at each of `values`."""
    ordered = sorted(values)
    between = [(later - earlier) * unit_seconds - span for earlier, later in pairwise(ordered)]
    return min([gap, *between]), (ordered[-1] - ordered[0]) * unit_seconds + span


def _days_between(expr: str) -> int:
    cron = compiled(expr)
    days = [day for day in _A_YEAR if day.month in cron.months and cron.match_day(day)]
    return min(((later - earlier).days for earlier, later in pairwise(days)), default=366)
