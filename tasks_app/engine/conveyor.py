"""From executions that are to be sent now to shipments: a chain for a linear stretch, a chord for a fan-out whose
join waits for just these, single messages for everything else.

The conveyor only carries; the cascade has judged that the nodes are ready. Called by dispatch, inside its transaction.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tasks_app.broker.messages import Chain, Chord, Message, Shipment, run_message
from tasks_app.engine.rows import often

LONGEST_CHAIN = 50
WIDEST_CHORD = 500

_STRETCH = f"""
WITH RECURSIVE path AS (
    SELECT x.id AS head, x.id AS node, 1 AS n FROM unnest(%(ids)s::uuid[]) AS x(id)
    UNION ALL
    SELECT p.head, l.downstream_id, p.n + 1
    FROM path p JOIN fleet_link l ON l.upstream_id = p.node
    WHERE p.n < {LONGEST_CHAIN} AND l.state = 'open' AND l.delay_ms = 0 AND l.condition <> 'custom'
      AND (SELECT count(*) FROM (SELECT 1 FROM fleet_link s WHERE s.upstream_id = p.node LIMIT 2) t) = 1
      AND (SELECT count(*) FROM (SELECT 1 FROM fleet_link s WHERE s.downstream_id = l.downstream_id LIMIT 2) t) = 1
)
SELECT p.head, e.id, e.pool, e.priority, e.task_type, e.workflow_id
FROM path p JOIN fleet_execution e ON e.id = p.node WHERE p.n > 1 ORDER BY p.head, p.n
"""
_JOINS = f"""
WITH j AS (
    SELECT DISTINCT l.downstream_id AS id FROM fleet_link l JOIN fleet_execution d ON d.id = l.downstream_id
    JOIN fleet_definition_version v ON v.id = d.version_id
    WHERE l.upstream_id = ANY(%(ids)s) AND l.state = 'open' AND v.dependency_mode = 'all'
      AND (d.state || '') = 'blocked'
      AND (SELECT count(*) FROM (SELECT 1 FROM fleet_link s WHERE s.upstream_id = l.upstream_id LIMIT 2) t) = 1
      AND (SELECT count(*) FROM (SELECT 1 FROM fleet_link s WHERE s.downstream_id = l.downstream_id
           LIMIT {WIDEST_CHORD} + 1) t) BETWEEN 2 AND {WIDEST_CHORD}
)
SELECT j.id AS join_id, u.id, u.pool, u.priority, u.task_type, u.workflow_id
FROM j JOIN fleet_link l ON l.downstream_id = j.id JOIN fleet_execution u ON u.id = l.upstream_id
WHERE NOT EXISTS (
    SELECT 1 FROM fleet_link m LEFT JOIN fleet_execution x ON x.id = m.upstream_id
    WHERE m.downstream_id = j.id AND (
        m.upstream_id IS NULL OR m.state <> 'open' OR m.delay_ms > 0 OR m.condition = 'custom' OR x.state <> 'pending'
        OR x.held OR x.waiting_slot IS NOT NULL OR (x.sent_at IS NOT NULL AND NOT x.id = ANY(%(ids)s))
        OR (SELECT count(*) FROM (SELECT 1 FROM fleet_link s WHERE s.upstream_id = m.upstream_id LIMIT 2) t) > 1))
ORDER BY j.id, u.created_at, u.id
"""
_BODIES = "SELECT id, pool, priority, task_type, workflow_id FROM fleet_execution WHERE id = ANY(%(ids)s)"
_PARENTS = """
SELECT DISTINCT ON (l.downstream_id) l.downstream_id AS id, a.celery_id
FROM fleet_link l JOIN fleet_attempt a ON a.execution_id = l.upstream_id
WHERE l.downstream_id = ANY(%(ids)s) AND l.state = 'lit' ORDER BY l.downstream_id, a.finished_at DESC NULLS LAST
"""


def plan(picked: Sequence[Any]) -> tuple[list[Shipment], set[UUID]]:
    """Shipments for the picked rows (id, pool, priority, task_type, workflow_id), and the ids they carry at once.

    A chord takes its whole header along, also siblings that were not picked. Requires a transaction.
    """
    in_runs = [row.id for row in picked if row.workflow_id]
    parents = _parents(in_runs)
    chords = _chords(in_runs)
    sent: set[UUID] = {member.id for header, _ in chords for member in header}
    parents |= _parents([i for i in sent if i not in parents])
    shipments: list[Shipment] = [
        Chord(tuple(_message(m, parents) for m in header), _message(body, parents)) for header, body in chords
    ]
    alone = [row for row in picked if row.id not in sent]
    tails = _tails([row.id for row in alone if row.workflow_id])
    for row in alone:
        head, tail = _message(row, parents), tails.get(row.id, [])
        shipments.append(Chain((head, *(_message(link, parents) for link in tail))) if tail else head)
    return shipments, sent | {row.id for row in alone}


def single(row: Any) -> Message:
    """The message of an execution outside any run."""
    return _message(row, {})


def _message(row: Any, parents: dict[UUID, str]) -> Message:
    root = str(row.workflow_id or row.id)
    parent = parents.get(row.id) or (root if row.workflow_id else None)
    return run_message(
        row.id, pool=row.pool, priority=row.priority, root_id=root, parent_id=parent, shown_as=row.task_type
    )


def _parents(ids: Sequence[UUID]) -> dict[UUID, str]:
    """The Celery id of the message that made each node ready."""
    return {row.id: row.celery_id for row in often(_PARENTS, {"ids": list(ids)})} if ids else {}


def _tails(ids: Sequence[UUID]) -> dict[UUID, list[Any]]:
    """The linear stretch behind each node, without the node itself."""
    found: dict[UUID, list[Any]] = {}
    for row in often(_STRETCH, {"ids": list(ids)}) if ids else []:
        found.setdefault(row.head, []).append(row)
    return found


def _chords(ids: Sequence[UUID]) -> list[tuple[list[Any], Any]]:
    """Complete headers with their join: every upstream of the join is ready and not yet sent."""
    headers: dict[UUID, list[Any]] = {}
    for row in often(_JOINS, {"ids": list(ids)}) if ids else []:
        headers.setdefault(row.join_id, []).append(row)
    bodies = {row.id: row for row in often(_BODIES, {"ids": list(headers)})} if headers else {}
    return [(header, bodies[join]) for join, header in headers.items()]
