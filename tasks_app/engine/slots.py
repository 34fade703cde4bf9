"""Concurrency limits, exact over the fleet: taken in the claim, handed on in finish.

Only finite limits have rows. Rows are locked in one order (global, pool, type, definition, key, batch) by taker and
giver alike; a refused taker notes its wish while it holds the lock, so that the next giver cannot overlook it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tasks_app.engine.clock import policy
from tasks_app.engine.queue import PENDING
from tasks_app.engine.rows import execute, often, rows

_LOCK = """
SELECT key, used < "limit" AS free FROM fleet_slot WHERE key = ANY(%(keys)s)
ORDER BY array_position(%(order)s::text[], split_part(key, ':', 1)), key FOR UPDATE
"""
_ORDER = ["global", "pool", "type", "definition", "key", "batch"]
_NEXT = f"""
UPDATE fleet_execution e SET waiting_slot = NULL FROM (
    SELECT w.id FROM fleet_slot s CROSS JOIN LATERAL (
        SELECT e.id FROM fleet_execution e WHERE e.waiting_slot = s.key AND {PENDING}
        ORDER BY e.queue_at LIMIT greatest(0, s."limit" - s.used) FOR UPDATE SKIP LOCKED) w
    WHERE s.key = %(key)s::text) n
WHERE e.id = n.id RETURNING e.pool
"""
_TRUTH = """
SELECT s.key, s.used,
    (SELECT count(*) FROM fleet_attempt a WHERE a.finished_at IS NULL AND s.key = ANY(a.slots)) AS truth
FROM fleet_slot s {where}
"""


def keys_of(
    *, pool: str, task_type: str, definition_id: UUID, concurrency_key: str, batch_id: UUID | None
) -> list[str]:
    """Every limit that may bind an execution, in the order of taking."""
    keys = ["global", f"pool:{pool}", f"type:{task_type}", f"definition:{definition_id}"]
    if concurrency_key:
        keys.append(f"key:{concurrency_key}")
    if batch_id:
        keys.append(f"batch:{batch_id}")
    return keys


def take(keys: Sequence[str]) -> str | None:
    """Take one unit of each, or none and return the key that is full. Requires a transaction."""
    found = rows(_LOCK, {"keys": list(keys), "order": _ORDER})
    full = next((row.key for row in found if not row.free), None)
    if full is None and found:
        execute("UPDATE fleet_slot SET used = used + 1 WHERE key = ANY(%(keys)s)", {"keys": [r.key for r in found]})
    return full


def give_back(keys: Sequence[str]) -> set[str]:
    """Return one unit of each and name the next that may try; returns their pools. Requires a transaction."""
    if not keys:
        return set()
    rows(_LOCK, {"keys": list(keys), "order": _ORDER})
    execute("UPDATE fleet_slot SET used = greatest(0, used - 1) WHERE key = ANY(%(keys)s)", {"keys": list(keys)})
    return let_through(keys)


def let_through(keys: Sequence[str]) -> set[str]:
    """Clear the mark of as many waiting executions as units are free. Requires a transaction."""
    return {row.pool for key in keys for row in often(_NEXT, {"key": key})}


def recount() -> set[str]:
    """Rebuild counters that differ from the open attempts, for the sweep; returns pools in which something may go on.

    Looked at without locks first: a claim in progress looks like a difference, and is none once its row is locked.
    Requires a transaction.
    """
    differ = [row.key for row in rows(_TRUTH.format(where="")) if row.used != row.truth]
    rows(_LOCK, {"keys": differ, "order": _ORDER})
    for row in rows(_TRUTH.format(where="WHERE s.key = ANY(%(keys)s)"), {"keys": differ}):
        execute("UPDATE fleet_slot SET used = %s WHERE key = %s", [row.truth, row.key])
    return let_through([row.key for row in rows('SELECT key FROM fleet_slot WHERE used < "limit"')])


def set_limit(key: str, limit: int | None) -> None:
    """Give a limit its row, change it, or drop it (None). Requires a transaction."""
    if limit is None:
        execute("DELETE FROM fleet_slot WHERE key = %(key)s", {"key": key})
        execute(
            "UPDATE fleet_execution SET waiting_slot = NULL WHERE waiting_slot = %(key)s",
            {"key": key},
        )
        return
    execute(
        'INSERT INTO fleet_slot (key, "limit", used) VALUES (%(key)s, %(limit)s, 0) '
        'ON CONFLICT (key) DO UPDATE SET "limit" = excluded."limit"',
        {"key": key, "limit": limit},
    )
    let_through([key])


def sync_configured() -> None:
    """Bring the operator's limits (global, pools, types) into the table. Requires a transaction."""
    wanted: Mapping[str, int | None] = {
        "global": policy().global_concurrency,
        **{f"pool:{pool}": n for pool, n in policy().pool_concurrency.items()},
        **{f"type:{slug}": n for slug, n in policy().type_concurrency.items()},
    }
    stored = rows("SELECT key FROM fleet_slot WHERE key = 'global' OR key LIKE 'pool:%%' OR key LIKE 'type:%%'", {})
    gone: dict[str, Any] = {row.key: None for row in stored if row.key not in wanted}
    for key, limit in {**gone, **wanted}.items():
        set_limit(key, limit)
