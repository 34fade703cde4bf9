"""Executions per hour by outcome over the last day, read from the newest rows only.

Until a rollup exists this looks at the newest `NEWEST` executions and says from when on the picture is whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import connection

NEWEST = 50_000
HOURS = 24
KEPT_SECONDS = 20

_SQL = """
WITH newest AS MATERIALIZED (
    SELECT created_at, state FROM fleet_execution
     WHERE created_at > %(start)s ORDER BY created_at DESC, id DESC LIMIT %(newest)s)
SELECT date_trunc('hour', created_at) AS hour, state, count(*), min(created_at) FROM newest GROUP BY hour, state
"""


@dataclass(frozen=True)
class Day:
    """One bar an hour, oldest first. `whole_since` is set when older hours were beyond the newest rows."""

    hours: Sequence[tuple[datetime, Mapping[str, int]]]
    whole_since: datetime | None

    @property
    def total(self) -> int:
        """All executions in the picture."""
        return sum(sum(counts.values()) for _, counts in self.hours)


def last_day(at: datetime) -> Day:
    """The 24 hours that end with the hour of `at`; kept for a few seconds, as many people look at once."""
    key = f"fleet-hourly-{at:%Y%m%d%H}"
    kept: Day | None = cache.get(key)
    if kept is None:
        kept = _read(at)
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def _read(at: datetime) -> Day:
    first = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"start": first, "newest": NEWEST})
        rows = cursor.fetchall()
    found: dict[datetime, dict[str, int]] = {first + timedelta(hours=n): {} for n in range(HOURS)}
    for hour, state, number, _ in rows:
        found.setdefault(hour, {})[state] = number
    cut = sum(number for _, _, number, _ in rows) >= NEWEST
    return Day(sorted(found.items()), min(oldest for *_, oldest in rows) if cut else None)
