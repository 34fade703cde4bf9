"""A wish for an execution, and the statement with which `moves.open_executions` turns wishes into rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tasks_app.domain.states import State
from tasks_app.engine.queue import SENT, UNSENT
from tasks_app.models.fields import new_id

OPEN = """
WITH o AS (
    SELECT * FROM jsonb_to_recordset(%(openings)s::jsonb) AS o(
        id uuid, definition_id uuid, cause text, state text, priority smallint, overrides jsonb, run_at timestamptz,
        delay_ms bigint, due_at timestamptz, forced boolean, workflow_id uuid, waiting_for int, open_links int,
        times_out boolean, batch_id uuid, batch_position int, generation smallint, parent_id uuid, rerun_of uuid,
        occurrence_id bigint)
), q AS (
    {queue}
), e AS (
    INSERT INTO fleet_execution (
        id, definition_id, version_id, owner_id, task_type, pool, priority, state, cause, forced, overrides, run_at,
        due_at, start_by, blocked_until, finished_at, queue_at, turn_key, held, workflow_id, waiting_for, open_links,
        batch_id, batch_position, generation, parent_id, rerun_of, occurrence_id, request_id, trace_id,
        sent_at, sends, resend_at)
    SELECT o.id, d.id, v.id, d.owner_id, v.task_type, v.pool, coalesce(o.priority, v.priority), o.state, o.cause,
        o.forced, o.overrides,
        CASE WHEN o.state = 'scheduled' THEN coalesce(o.run_at, now() + o.delay_ms * interval '1 millisecond')
             ELSE o.run_at END,
        o.due_at,
        now() + v.start_by_seconds * interval '1 second',
        CASE WHEN o.times_out THEN now() + v.dependency_timeout_seconds * interval '1 second' END,
        CASE WHEN o.state = 'missed' THEN now() END,
        CASE WHEN o.state = 'pending' THEN now() - coalesce(o.priority, v.priority) * interval '10 minutes' END,
        coalesce(d.owner_id, 0),
        NOT o.forced AND d.status <> 'active' AND EXISTS (
            SELECT 1 FROM fleet_definition x WHERE x.id = d.id AND x.status <> 'active' FOR SHARE),
        o.workflow_id, o.waiting_for, o.open_links,
        o.batch_id, o.batch_position, o.generation, o.parent_id, o.rerun_of, o.occurrence_id,
        %(request_id)s::text, coalesce(o.workflow_id, o.batch_id, o.id)::text,
        CASE WHEN q.goes THEN now() END, q.goes::int, CASE WHEN q.goes THEN now() + %(interval)s::interval END
    FROM q, o JOIN fleet_definition d ON d.id = o.definition_id
           JOIN fleet_definition_version v ON v.id = d.current_version_id
    {where}
    RETURNING id, definition_id, state, pool, trace_id, priority, task_type, workflow_id, sent_at
), t AS (
    INSERT INTO fleet_transition (execution_id, old, new, actor, user_id, reason, request_id, trace_id)
    SELECT id, NULL, state, %(actor)s::text, %(user_id)s::int, %(reason)s::text, %(request_id)s::text, trace_id FROM e
)
SELECT id, definition_id, state, pool, priority, task_type, workflow_id, sent_at IS NOT NULL AS sent, q.out, q.behind
FROM e, q
"""
LATER = "SELECT false AS goes, false AS behind, 0 AS out"
# Nothing waits before it, and the workers have less than half of what they may have in hand: it goes at once.
# Dispatchers of its pool stand back until it is committed; where one is at work, the sending is left to it.
AT_ONCE = f"""
    SELECT b.out, b.behind, CASE WHEN b.due AND NOT b.behind
        THEN pg_try_advisory_xact_lock(hashtext('dispatch:' || b.pool)) ELSE false END AS goes
    FROM (SELECT r.*, CASE WHEN r.full THEN true ELSE EXISTS (
            SELECT 1 FROM fleet_execution e WHERE e.pool = r.pool AND {UNSENT}) END AS behind
        FROM (SELECT o.*, 2 * o.out >= (%(most)s::jsonb ->> o.pool)::int AS full
            FROM (SELECT v.pool, o.state = 'pending' AND (d.status = 'active' OR o.forced) AS due,
                    (SELECT count(*) FROM fleet_execution e WHERE e.pool = v.pool AND {SENT}) AS out
                FROM o JOIN fleet_definition d ON d.id = o.definition_id
                       JOIN fleet_definition_version v ON v.id = d.current_version_id LIMIT 1) o OFFSET 0) r
        OFFSET 0) b
"""
UNGATED = "WHERE NOT EXISTS (SELECT 1 FROM fleet_dependency p WHERE p.downstream_id = o.definition_id)"


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Type, pool, priority, owner and limits come from the definition's current version unless given here."""

    definition_id: UUID
    cause: str
    state: State = State.PENDING
    id: UUID = field(default_factory=new_id)
    priority: int | None = None
    overrides: Mapping[str, Any] | None = None
    run_at: datetime | None = None
    delay_ms: int = 0
    due_at: datetime | None = None
    forced: bool = False
    workflow_id: UUID | None = None
    waiting_for: int = 0
    open_links: int = 0
    times_out: bool = False
    batch_id: UUID | None = None
    batch_position: int | None = None
    generation: int = 0
    parent_id: UUID | None = None
    rerun_of: UUID | None = None
    occurrence_id: int | None = None
