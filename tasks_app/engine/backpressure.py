"""How much may wait, per owner and in all. A process asks the table at most once a second an owner."""

import time

from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine.clock import policy
from tasks_app.engine.rows import one

FRESH_SECONDS = 1.0
_seen: dict[int | None, tuple[float, int]] = {}
# Counted no further than the limit: the answer costs the limit at most, whatever the table holds.
_WAITING = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM fleet_execution e WHERE e.pool = ANY(%(pools)s) AND e.state = 'pending'
        AND NOT e.held AND e.waiting_slot IS NULL AND e.sent_at IS NULL AND e.batch_id IS NULL
        AND (%(owner)s::int IS NULL OR e.turn_key = %(owner)s) LIMIT %(limit)s + 1) t)
     + (SELECT coalesce(sum(total), 0) FROM fleet_batch b WHERE b.state = 'running'
        AND (%(owner)s::int IS NULL OR b.owner_id = %(owner)s)) AS n
"""


def admit(owner_id: int | None, *, more: int = 1) -> None:
    """Raises Refused (too_many_waiting, with a time to come back) when a limit would be passed."""
    limits = (
        (owner_id or 0, policy().waiting_limit_owner, "you have"),
        (None, policy().waiting_limit_total, "there are"),
    )
    for key, limit, who in limits:
        if _waiting(key, limit) + more > limit:
            raise Refused(
                Code.TOO_MANY_WAITING,
                f"Too many executions wait already ({who} about {limit:,} waiting); try again when some have run.",
                retry_after_seconds=10,
            )


def _waiting(owner_id: int | None, limit: int) -> int:
    at, count = _seen.get(owner_id, (-FRESH_SECONDS, 0))
    if time.monotonic() - at < FRESH_SECONDS and count <= limit * 0.9:
        return count
    row = one(_WAITING, {"pools": list(policy().pools), "owner": owner_id, "limit": limit})
    _seen[owner_id] = (time.monotonic(), int(row.n) if row else 0)
    return _seen[owner_id][1]


def forget() -> None:
    """Ask the table anew at the next admission."""
    _seen.clear()
