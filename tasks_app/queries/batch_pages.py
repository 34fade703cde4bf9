"""The progress of many batches on one page: each state is counted up to `BOUND` by index, never a whole batch.

Called by the list of batches. What is beyond the bound is told from the place of the first waiting member.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from tasks_app.models import Batch

BOUND = 500
_STATES = ["running", "retrying", "scheduled", "blocked", "pending", "failed", "cancelled", "missed", "skipped"]
_SQL = """
SELECT b.id, s.state, c.n, p.place
  FROM unnest(%(ids)s::uuid[]) AS b(id) CROSS JOIN unnest(%(states)s::text[]) AS s(state)
 CROSS JOIN LATERAL (SELECT count(*) AS n FROM (
    SELECT 1 FROM fleet_execution WHERE batch_id = b.id AND state = s.state AND NOT superseded
     LIMIT %(bound)s + 1) x) c
  LEFT JOIN LATERAL (SELECT batch_position AS place FROM fleet_execution
     WHERE batch_id = b.id AND queue_at IS NOT NULL ORDER BY queue_at, batch_position LIMIT 1) p ON s.state = 'pending'
 WHERE c.n > 0
"""


@dataclass(frozen=True)
class Share:
    """Members by state; `rough` when some number is an estimate."""

    counts: Mapping[str, int]
    total: int
    rough: bool

    @property
    def percent(self) -> int:
        """How much has ended."""
        ended = sum(self.counts.get(state, 0) for state in ("completed", "failed", "cancelled", "missed", "skipped"))
        return min(100, 100 * ended // self.total) if self.total else 100


def shares(batches: Iterable[Batch]) -> dict[UUID, Share]:
    """One statement for all of them."""
    wanted = {batch.pk: batch for batch in batches}
    counts: dict[UUID, dict[str, int]] = {key: {} for key in wanted}
    first_waiting: dict[UUID, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"ids": list(wanted), "states": _STATES, "bound": BOUND})
        for key, state, number, place in cursor.fetchall():
            counts[key][state] = number
            if place is not None:
                first_waiting[key] = place
    return {key: _share(batch, counts[key], first_waiting.get(key)) for key, batch in wanted.items()}


def _share(batch: Batch, counts: dict[str, int], first_waiting: int | None) -> Share:
    rough = any(number > BOUND for number in counts.values())
    if counts.get("pending", 0) > BOUND and first_waiting is not None:
        counts["pending"] = max(BOUND, batch.total - first_waiting)
    return Share({**counts, "completed": max(0, batch.total - sum(counts.values()))}, batch.total, rough)
