"""How much may wait, per owner and in all. A process asks the table at most once a second an owner."""

import time

from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine.clock import policy
from tasks_app.engine.rows import one

FRESH_SECONDS = 1.0
_seen: dict[int | None, tuple[float, int]] = {}
# Counted no further than the limit: the answer costs the limit at most, whatever the table holds.
_WAITING = """
SELECT count(*) AS n FROM (SELECT 1 FROM fleet_execution e
    WHERE e.state IN ('blocked', 'pending', 'retrying', 'scheduled')
      AND (%(owner)s::int IS NULL OR e.turn_key = %(owner)s)
    LIMIT %(limit)s + 1) t
"""


def admit(owner_id: int | None, *, more: int = 1) -> None:
    """Raises Refused (too_many_waiting, with a time to come back) when a limit would be passed."""
    limits = (
        (owner_id or 0, policy().waiting_limit_owner, "you have"),
        (None, policy().waiting_limit_total, "there are"),
    )
    for key, limit, who in limits:
        waiting = _waiting(key, limit)
        if waiting + more > limit:
            raise Refused(
                Code.TOO_MANY_WAITING,
                f"At most {limit:,} executions may wait; {who} {waiting:,} waiting and asked for {more:,} more. "
                "Try again when some have run.",
                retry_after_seconds=10,
            )
    for key, _, _ in limits:
        at, count = _seen[key]
        _seen[key] = (at, count + more)


def _waiting(owner_id: int | None, limit: int) -> int:
    at, count = _seen.get(owner_id, (-FRESH_SECONDS, 0))
    if time.monotonic() - at < FRESH_SECONDS and count <= limit * 0.9:
        return count
    row = one(_WAITING, {"owner": owner_id, "limit": limit})
    _seen[owner_id] = (time.monotonic(), int(row.n) if row else 0)
    return _seen[owner_id][1]


def forget() -> None:
    """Ask the table anew at the next admission."""
    _seen.clear()
