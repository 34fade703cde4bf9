"""From the table to the broker: which waiting executions go out now.

Each pool has at most twice as many messages out as it has live children, so that the order is the table's: urgency
(priority, raised one step by every ten minutes of waiting), then a fair turn between owners, then age. Called after
commits that made something ready, and by the loop that also sends again what nobody claimed.
"""

import json
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from tasks_app.broker.fuse import FUSE
from tasks_app.broker.messages import Chain, Chord, Message, Shipment
from tasks_app.broker.send import send
from tasks_app.domain.states import Actor, State
from tasks_app.engine import conveyor, lanes, moves
from tasks_app.engine.clock import once_more, policy
from tasks_app.engine.queue import PENDING, SENT, UNSENT
from tasks_app.engine.rows import execute, often, rows

FEWEST_OUT = 4
A_PASS = 1000
FRESH_SECONDS = 1.0
_known: dict[str, tuple[float, int]] = {}
_may_go = False
_QUEUED = f"e.pool = %(pool)s AND {UNSENT}"
# The lock is its own statement: the next one must see what the last dispatcher of this pool committed. Nobody waits for
# the disk meanwhile: a stamp that a crash of the server takes away only makes a message go out twice.
_LOCK = """
SELECT pg_advisory_xact_lock(hashtext(%(lock)s::text)), set_config('synchronous_commit', 'off', true)
"""
_OUT = f"fleet_execution e WHERE e.pool = %(pool)s AND {SENT}"
_MOST = """SELECT greatest(%(fewest)s::int, 2 * coalesce((SELECT sum(concurrency) FROM fleet_worker
    WHERE stopped_at IS NULL AND heartbeat_at > now() - %(lease)s::interval AND %(pool)s = ANY(pools)), 0))::int AS most
"""
_ROOM = f"SELECT m.most, m.most - (SELECT count(*) FROM {_OUT}) AS room FROM ({_MOST}) m"
_SENT = """sent_at = now(), sends = least(e.sends + 1, 20),
    resend_at = now() + least(%(interval)s::interval * power(2, least(e.sends, 20)), %(longest)s::interval)"""
_TAKE = f"""
WITH RECURSIVE room AS ({_ROOM}), turns AS (
    (SELECT e.turn_key FROM fleet_execution e WHERE {_QUEUED} ORDER BY e.turn_key LIMIT 1)
    UNION ALL
    SELECT (SELECT e.turn_key FROM fleet_execution e WHERE {_QUEUED} AND e.turn_key > t.turn_key
            ORDER BY e.turn_key LIMIT 1)
    FROM turns t WHERE t.turn_key IS NOT NULL
), out AS (
    SELECT e.turn_key, count(*) AS n FROM {_OUT} GROUP BY e.turn_key
), candidates AS (
    SELECT c.id, c.queue_at, coalesce(out.n, 0) + row_number() OVER (PARTITION BY t.turn_key ORDER BY c.queue_at, c.id)
        AS turn, least(9, floor(extract(epoch FROM now() - c.queue_at) / 600)) AS urgency
    FROM turns t CROSS JOIN LATERAL (
        SELECT e.id, e.queue_at FROM fleet_execution e WHERE {_QUEUED} AND e.turn_key = t.turn_key
        ORDER BY e.queue_at LIMIT (SELECT greatest(0, room) FROM room)) c LEFT JOIN out ON out.turn_key = t.turn_key
    WHERE t.turn_key IS NOT NULL
    ORDER BY urgency DESC, turn, c.queue_at, c.id LIMIT (SELECT greatest(0, room) FROM room)
), locked AS (
    SELECT c.* FROM (SELECT * FROM candidates ORDER BY id) c CROSS JOIN LATERAL (
        SELECT * FROM fleet_execution x WHERE x.id = c.id LIMIT 1 FOR UPDATE SKIP LOCKED) e WHERE {_QUEUED}
), stamped AS (
    UPDATE fleet_execution e SET {_SENT} FROM locked l WHERE e.id = l.id
    RETURNING e.id, e.pool, e.priority, e.task_type, e.workflow_id, l.urgency, l.turn, l.queue_at
)
SELECT id, pool, priority, task_type, workflow_id FROM stamped ORDER BY urgency DESC, turn, queue_at, id
"""
_STAMP = f"""
UPDATE fleet_execution e SET {_SENT}
FROM (SELECT e.id FROM fleet_execution e WHERE e.id = ANY(%(ids)s) AND {PENDING} ORDER BY e.id FOR UPDATE) l
WHERE e.id = l.id
"""
_OVERDUE = f"""
SELECT e.id, e.pool, e.priority, e.task_type, e.workflow_id FROM {_OUT} AND e.resend_at <= now() AND e.batch_id IS NULL
ORDER BY e.resend_at LIMIT %(limit)s
"""
_DUE = """
SELECT id, state FROM fleet_execution WHERE state IN ('scheduled', 'retrying') AND run_at <= now()
ORDER BY run_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""


def dispatch(pools: Iterable[str]) -> int:
    """Send what may go out of these pools now; returns how many executions went. Opens a transaction a pool."""
    return 0 if FUSE.blown else sum(_dispatch_pool(pool) for pool in sorted(set(pools)) if _has_room(pool))


def refill(pool: str, *, out: int) -> int:
    """The same where one end made room. Nothing is done while more than half of the messages are `out`: the pool's
    workers have enough in hand. Opens a transaction."""
    return 0 if FUSE.blown or 2 * out > _most_out(pool) else _dispatch_pool(pool)


def at_once() -> Mapping[str, Any] | None:
    """What `moves.open_executions` needs to stamp one execution as sent where it is opened, without a dispatch of its
    own; None where that may not be: the broker is away, a caller's transaction would keep dispatchers out, or the
    migrations of this code have not run yet."""
    if FUSE.blown or connection.in_atomic_block or not _migrated():
        return None
    return {
        "most": json.dumps({pool: _most_out(pool) for pool in policy().pools}),
        "interval": policy().unclaimed_after,
    }


def _migrated() -> bool:
    """Whether `fleet_may_go` is there; asked until it is."""
    global _may_go
    _may_go = _may_go or bool(rows("SELECT to_regprocedure('fleet_may_go(text, int)') IS NOT NULL AS yes")[0].yes)
    return _may_go


def follow_opening(row: Any) -> None:
    """Send what was opened and stamped `at_once`; where it was not, what may go by now. What stands behind others has
    nothing to hurry: the next end sends those. `row` as opened. Opens a transaction."""
    if row.sent:
        _ship([conveyor.single(row)])
    elif row.state == State.PENDING and not (row.behind and row.out):
        dispatch([row.pool])


def dispatch_once() -> int:
    """One pass of the loop: wake what is due, send again what nobody claimed, fill every pool, keep lanes going."""
    woken = _wake()
    if FUSE.blown:
        return woken
    again = sum(_send_again(pool) for pool in _waiting_pools())
    sent = sum(_dispatch_pool(pool) for pool in _waiting_pools())
    return woken + again + sent + lanes.keep_going()


def stamp(ids: Collection[UUID]) -> None:
    """Mark executions as carried by a live message. Requires a transaction."""
    if ids:
        often(_STAMP, {"ids": list(ids), **_patience()})


def _patience() -> dict[str, Any]:
    """How long a message may lie unclaimed before another one follows."""
    return {"interval": policy().unclaimed_after, "longest": policy().resend_at_most}


def _has_room(pool: str) -> bool:
    return bool(often(_ROOM, _sizes(pool))[0].room > 0)


def _most_out(pool: str) -> int:
    """How many messages may be out of a pool; asked at most once a second."""
    at, most = _known.get(pool, (-FRESH_SECONDS, 0))
    if time.monotonic() - at >= FRESH_SECONDS:
        most = often(_MOST, _sizes(pool))[0].most
        _known[pool] = (time.monotonic(), most)
    return most


def _sizes(pool: str) -> dict[str, Any]:
    return {"pool": pool, "fewest": FEWEST_OUT, "lease": policy().lease}


@once_more
def _dispatch_pool(pool: str) -> int:
    with transaction.atomic():
        often(_LOCK, {"lock": f"dispatch:{pool}"})
        picked = often(_TAKE, {**_sizes(pool), **_patience()})
        shipments, carried = conveyor.plan(picked)
        stamp(carried - {row.id for row in picked})
    _ship(shipments)
    return len(carried)


def _send_again(pool: str) -> int:
    """Nobody claimed these in time: one more message each, and twice the patience."""
    with transaction.atomic():
        picked = rows(_OVERDUE, {"pool": pool, "limit": A_PASS})
        shipments, carried = conveyor.plan(picked)
        stamp(carried)
    _ship(shipments)
    return len(carried)


def _ship(shipments: list[Shipment]) -> None:
    unsent = [message.ids["execution"] for shipment in send(shipments) for message in _heads(shipment)]
    if unsent:
        execute(
            "UPDATE fleet_execution SET sent_at = NULL, resend_at = NULL, sends = 0 "
            "WHERE id = ANY(%(ids)s::uuid[]) AND (state || '') = 'pending'",
            {"ids": unsent},
        )


def _heads(shipment: Shipment) -> Iterable[Message]:
    if isinstance(shipment, Chain):
        return shipment.links[:1]
    return shipment.header if isinstance(shipment, Chord) else (shipment,)


@once_more
def _wake() -> int:
    """scheduled and retrying → pending when `run_at` is reached."""
    with transaction.atomic():
        due: list[Any] = rows(_DUE, {"limit": A_PASS})
        return len(moves.move([row.id for row in due], State.PENDING, actor=Actor.DISPATCHER, reason="due"))


def _waiting_pools() -> list[str]:
    """Pools in which something waits, by a loose walk over the queue's indexes."""
    found = rows(
        "SELECT pool FROM unnest(%(pools)s::text[]) AS p(pool) "
        f"WHERE EXISTS (SELECT 1 FROM fleet_execution e WHERE e.pool = p.pool AND {UNSENT}) "
        f"OR EXISTS (SELECT 1 FROM fleet_execution e WHERE e.pool = p.pool AND {SENT})",
        {"pools": list(policy().pools)},
    )
    return [row.pool for row in found]
