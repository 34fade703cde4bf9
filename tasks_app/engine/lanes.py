"""A batch on its way: min(`max_parallel`, pool width) lanes, each a Celery task that takes members one after another.

The lanes go out as one chord whose body closes the batch. A lane that died is noticed by silence: fewer members
running than there should be lanes, and waiting members that nobody took for a while. One lane too many does no harm,
the batch's slot is exact.
"""

from typing import Any
from uuid import UUID

from django.db import transaction

from tasks_app.broker.messages import CLOSE_BATCH, LANE, Chord, Message
from tasks_app.broker.send import send
from tasks_app.engine.queue import FREE, SENT, UNSENT
from tasks_app.engine.rows import execute, often, one, rows

SILENT_SECONDS = 5
_STALLED = f"""
SELECT b.id, b.pool, b.priority, b.max_parallel FROM fleet_batch b
WHERE b.state = 'running' AND b.cancel_requested_at IS NULL
  AND coalesce(greatest(b.lanes_seen_at, b.lanes_sent_at), '-infinity') < now() - %(silent)s * interval '1 second'
  AND EXISTS (SELECT 1 FROM fleet_execution e WHERE e.batch_id::text = b.id::text AND {FREE})
ORDER BY b.created_at LIMIT 100 FOR UPDATE SKIP LOCKED
"""
_WANTED = f"""
SELECT least(%(most)s, greatest(1, coalesce((SELECT sum(concurrency) FROM fleet_worker WHERE stopped_at IS NULL
        AND heartbeat_at > now() - interval '1 minute' AND %(pool)s = ANY(pools)), 0)),
    (SELECT count(*) FROM (SELECT 1 FROM fleet_execution e WHERE e.batch_id::text = %(id)s::text AND {FREE}
        LIMIT %(most)s) t)) -
    (SELECT count(*) FROM fleet_execution WHERE batch_id = %(id)s AND state = 'running') AS lanes
"""

# One lane of many writes that they live; another running batch may have lanes of its own in the broker's queue.
_SEEN = f"""
WITH seen AS (
    UPDATE fleet_batch SET lanes_seen_at = now(), started_at = coalesce(started_at, now())
    WHERE id = %(id)s AND coalesce(lanes_seen_at, '-infinity') < now() - interval '0.5 seconds'
)
SELECT EXISTS (SELECT 1 FROM fleet_execution e WHERE e.pool = b.pool AND {UNSENT})
    OR EXISTS (SELECT 1 FROM fleet_execution e WHERE e.pool = b.pool AND {SENT})
    OR EXISTS (SELECT 1 FROM fleet_batch o WHERE o.state = 'running' AND o.pool = b.pool AND o.id <> b.id) AS crowded
FROM fleet_batch b WHERE b.id = %(id)s
"""


def launch(batch: Any) -> int:
    """Send the lanes that are missing; returns how many went out."""
    wanted = one(_WANTED, {"id": batch.id, "pool": batch.pool, "most": batch.max_parallel})
    lanes = max(0, int(wanted.lanes)) if wanted else 0
    if not lanes:
        return 0
    execute("UPDATE fleet_batch SET lanes_sent_at = now() WHERE id = %s", [batch.id])
    header = tuple(_message(batch, LANE, lane=number) for number in range(lanes))
    unsent = send([Chord(header, _message(batch, CLOSE_BATCH))])
    if unsent:
        execute("UPDATE fleet_batch SET lanes_sent_at = NULL WHERE id = %s", [batch.id])
    return 0 if unsent else lanes


def keep_going() -> int:
    """Send lanes for batches with waiting members that no lane has taken up for some seconds. Opens a transaction."""
    with transaction.atomic():
        stalled = rows(_STALLED, {"silent": SILENT_SECONDS})
        if stalled:
            execute("UPDATE fleet_batch SET lanes_sent_at = now() WHERE id = ANY(%s)", [[b.id for b in stalled]])
    return sum(launch(batch) for batch in stalled)


def seen(batch_id: UUID) -> bool:
    """A lane is alive. Returns whether other work waits for the children that the batch's lanes hold."""
    return bool(often(_SEEN, {"id": batch_id})[0].crowded)


def take_body(batch_id: UUID) -> bool:
    """Whether the caller is the one to publish the closing message of a batch that is done; true once."""
    sql = "UPDATE fleet_batch SET body_sent = true WHERE id = %s AND state <> 'running' AND NOT body_sent"
    return execute(sql, [batch_id]) == 1


def _message(batch: Any, task: str, *, lane: int | None = None) -> Message:
    ids: dict[str, Any] = {"batch": str(batch.id)} | ({} if lane is None else {"lane": lane})
    root = str(batch.id)
    shown = "batch lane" if task == LANE else "batch close"
    return Message(
        task=task, ids=ids, pool=batch.pool, priority=batch.priority, root_id=root, parent_id=root, shown_as=shown
    )
