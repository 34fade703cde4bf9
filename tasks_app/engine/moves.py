"""The one gate: the only writer of an execution's state.

Every move is a conditional UPDATE that names where it comes from and, for a running one, which attempt holds it, with
the Transition appended in the same statement. Zero rows means that somebody was first, which is normal. Moves take
sets, locked in id order. Called by the verbs of this package only.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import structlog

from tasks_app.domain.states import Actor, State, may_open_as, sources_of
from tasks_app.engine.alone import ALONE, HEAD
from tasks_app.engine.held import COLUMNS, SLOT_KEYS, TABLES
from tasks_app.engine.opening import AT_ONCE, LATER, UNGATED, Opening
from tasks_app.engine.queue import PENDING, RUNNING
from tasks_app.engine.rows import often

# A definition that is not active is locked: whoever is just resuming it must not overlook what is being held.
_NOT_ACTIVE = """(NOT e.forced AND EXISTS (
        SELECT 1 FROM fleet_definition d WHERE d.id = e.definition_id AND d.status <> 'active' FOR SHARE))"""
_READY = f"""queue_at = now() - e.priority * interval '10 minutes', sent_at = NULL, resend_at = NULL, sends = 0,
    waiting_slot = NULL, blocked_until = NULL, attempt_id = NULL, held = {_NOT_ACTIVE}"""
_FINAL = """finished_at = now(), attempt_id = NULL, queue_at = NULL, sent_at = NULL, resend_at = NULL,
    waiting_slot = NULL, blocked_until = NULL"""

# What else changes with the state. Everything computed from the database's clock.
_EFFECTS: dict[State, str] = {
    State.PENDING: _READY,
    State.SCHEDULED: "blocked_until = NULL",
    State.RETRYING: "attempt_id = NULL",
    State.COMPLETED: _FINAL,
    State.FAILED: _FINAL,
    State.CANCELLED: _FINAL,
    State.SKIPPED: _FINAL,
    State.MISSED: _FINAL,
}

_OPEN = """
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

_MOVE = """
WITH locked AS (
    SELECT e.id, e.state FROM fleet_execution e
    WHERE e.id = ANY(%(ids)s) AND (e.state || '') = ANY(%(sources)s) {where}
    ORDER BY e.id FOR UPDATE {skip}
), moved AS (
    UPDATE fleet_execution e SET state = {target}, {effects}
    FROM locked WHERE e.id = locked.id
    RETURNING e.id, locked.state AS old, e.state AS new, e.pool, e.definition_id, e.workflow_id, e.batch_id, e.trace_id
), noted AS (
    INSERT INTO fleet_transition (execution_id, old, new, actor, user_id, attempt_id, reason, request_id, trace_id)
    SELECT id, old, new, %(actor)s::text, %(user_id)s::int, %(attempt_id)s::bigint, %(reason)s::text,
        %(request_id)s::text, trace_id FROM moved
)
SELECT id, old, new, pool, definition_id, workflow_id, batch_id FROM moved
"""

# One statement finds, judges and takes. Where one limit binds, its unit is taken here; where several do, the caller has
# locked and `taken` them in their order. No row: somebody was first, or the claim is refused and `claim` says why.
_CLAIM = f"""
WITH found AS (
    SELECT {COLUMNS}, e.run_at, e.created_at, h.state AS kept_state, {SLOT_KEYS} AS slot_keys
    FROM {TABLES} LEFT JOIN fleet_definition_head h ON h.definition_id = e.definition_id
    WHERE {{which}} AND {PENDING} AND (d.status = 'active' OR e.forced)
      AND e.task_type = ANY(%(types)s::text[])
    FOR UPDATE OF e SKIP LOCKED
), one_limit AS (
    UPDATE fleet_slot s SET used = s.used + 1 FROM found
    WHERE %(taken)s::text[] IS NULL AND cardinality(found.slot_keys) = 1 AND s.key = found.slot_keys[1]
      AND s.used < s."limit" RETURNING s.key
), granted AS (
    SELECT * FROM found
    WHERE %(taken)s::text[] IS NOT NULL OR cardinality(slot_keys) = 0 OR EXISTS (SELECT 1 FROM one_limit)
), a AS (
    INSERT INTO fleet_attempt (execution_id, number, worker, pid, celery_id, lease_until, deadline_at, slots,
        queue_wait_ms)
    SELECT id, attempts + 1, %(worker)s::text, %(pid)s::int, %(celery_id)s::text,
        clock_timestamp() + %(lease)s::interval,
        CASE WHEN timeout_seconds > 0 THEN clock_timestamp() + timeout_seconds * interval '1 second' END,
        coalesce(%(taken)s::text[], slot_keys),
        (extract(epoch FROM clock_timestamp() - coalesce(run_at, created_at)) * 1000)::bigint
    FROM granted RETURNING id, execution_id, number, started_at, deadline_at, slots
), e AS (
    UPDATE fleet_execution x SET state = 'running', attempt_id = a.id, attempts = a.number, progress = NULL,
        started_at = coalesce(x.started_at, a.started_at), queue_at = NULL, sent_at = NULL, resend_at = NULL,
        waiting_slot = NULL
    FROM a WHERE x.id = a.execution_id
), t AS (
    INSERT INTO fleet_transition (execution_id, old, new, actor, attempt_id, reason, trace_id)
    SELECT a.execution_id, 'pending', 'running', 'worker', a.id, %(worker)s::text, granted.trace_id FROM a, granted
)
SELECT granted.*, a.id AS opened_id, a.number, a.started_at, a.deadline_at, a.slots FROM granted, a
"""

# The end of a running execution: the attempt is closed, the result kept and the state moved in one statement.
# With a cancel asked for, every end but completed is cancelled. {alone} and {head} make it the whole of an end that
# nothing depends on: a unit of its one limit given back (before the head, in the order of every other end), its
# definition's head written.
_END = f"""
WITH locked AS (
    SELECT e.id, e.attempts, e.cancel_requested_at, e.cancel_requested_by, e.cancel_reason, e.definition_id, e.trace_id
    FROM fleet_execution e
    WHERE e.id = %(id)s AND {RUNNING} AND e.attempt_id = %(attempt_id)s::bigint {{alone}} FOR UPDATE OF e
), moved AS (
    UPDATE fleet_execution e SET
        state = CASE WHEN locked.cancel_requested_at IS NOT NULL AND %(target)s::text <> 'completed' THEN 'cancelled'
                     ELSE %(target)s::text END,
        attempt_id = NULL, sent_at = NULL, resend_at = NULL, sends = 0,
        finished_at = CASE WHEN %(target)s::text IN ('retrying', 'pending') AND locked.cancel_requested_at IS NULL
                      THEN NULL ELSE clock_timestamp() END,
        progress = CASE WHEN %(target)s::text = 'completed' THEN 1 END,
        retries_used = e.retries_used + (%(target)s::text = 'retrying')::int,
        handed_back = e.handed_back + (%(target)s::text = 'pending')::int,
        run_at = CASE WHEN %(target)s::text = 'retrying' THEN clock_timestamp() + %(delay)s::interval ELSE e.run_at END,
        queue_at = CASE WHEN %(target)s::text = 'pending' THEN now() - e.priority * interval '10 minutes' END,
        error_kind = %(error_kind)s::text, error_message = %(error_message)s::text,
        fingerprint = %(fingerprint)s::text
    FROM locked WHERE e.id = locked.id
    RETURNING e.id, e.state, e.pool, e.definition_id, e.workflow_id, e.batch_id, e.trace_id,
        CASE WHEN e.state = 'cancelled' THEN locked.cancel_requested_by END AS user_id,
        CASE WHEN e.state = 'cancelled' THEN locked.cancel_reason END AS cancel_reason
), closed AS (
    UPDATE fleet_attempt a SET finished_at = clock_timestamp(),
        outcome = CASE WHEN moved.state = 'cancelled' THEN 'cancelled' ELSE %(outcome)s::text END,
        error_kind = %(error_kind)s::text, error_message = %(error_message)s::text, traceback = %(traceback)s::text,
        cpu_ms = %(cpu_ms)s::int, max_rss_kb = %(max_rss_kb)s::bigint
    FROM moved WHERE a.id = %(attempt_id)s::bigint RETURNING a.slots
), kept AS (
    INSERT INTO fleet_result (execution_id, summary, data, metrics, items_processed, partial, warnings)
    SELECT id, %(summary)s::text, %(data)s::jsonb, %(metrics)s::jsonb, %(items)s::int, %(partial)s::boolean,
        %(warnings)s::jsonb
    FROM moved WHERE %(has_result)s::boolean
    ON CONFLICT (execution_id) DO UPDATE SET summary = excluded.summary, data = excluded.data,
        metrics = excluded.metrics, items_processed = excluded.items_processed, partial = excluded.partial,
        warnings = excluded.warnings
), noted AS (
    INSERT INTO fleet_transition (execution_id, old, new, actor, user_id, attempt_id, reason, trace_id)
    SELECT id, 'running', state, %(actor)s::text, user_id, %(attempt_id)s::bigint,
        coalesce(cancel_reason, %(reason)s::text), trace_id FROM moved
) {{head}}
SELECT m.id, 'running' AS old, m.state AS new, m.pool, m.definition_id, m.workflow_id, m.batch_id, closed.slots,
    EXISTS (SELECT 1 FROM fleet_dependency d WHERE d.upstream_id = m.definition_id) AS has_dependents,
    (SELECT count(*) FROM fleet_execution w
     WHERE w.pool = m.pool AND w.sent_at IS NOT NULL AND (w.state || '') = 'pending') AS out
FROM moved m, closed
"""


def _request_id() -> str | None:
    return structlog.contextvars.get_contextvars().get("request_id")


def open_executions(
    openings: Sequence[Opening],
    *,
    actor: Actor,
    user_id: int | None = None,
    reason: str = "",
    only_ungated: bool = False,
    at_once: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Insert executions in their first state. Returns rows (id, definition_id, state, pool); a definition that is gone
    gives none, with `only_ungated` neither one that has upstreams. Requires a transaction for more than one.

    `at_once` (see `dispatch.at_once`), for one only: stamped as `sent` when its message may go before all others;
    `out` is how many messages of its pool are out besides."""
    for state in {opening.state for opening in openings}:
        if not may_open_as(state, actor):
            raise ValueError(f"{actor} may not open an execution as {state}")
    params = {
        "openings": json.dumps([asdict(opening) for opening in openings], default=str),
        "actor": actor,
        "user_id": user_id,
        "reason": reason,
        "request_id": _request_id(),
        **(at_once or {"interval": None}),
    }
    sql = _OPEN.format(queue=AT_ONCE if at_once else LATER, where=UNGATED if only_ungated else "")
    return often(sql, params)


def move(
    ids: Collection[UUID],
    target: State,
    *,
    actor: Actor,
    reason: str = "",
    user_id: int | None = None,
    where: str = "",
    effects: str = "",
    skip_locked: bool = False,
    **params: Any,
) -> list[Any]:
    """Move a set of waiting executions. `where` and `effects` are SQL of the engine, never of a caller's input.

    Returns rows (id, old, new, pool, definition_id, workflow_id, batch_id) of those that moved. Requires a transaction.
    """
    if not ids:
        return []
    sql = _MOVE.format(
        where=where,
        skip="OF e SKIP LOCKED" if skip_locked else "OF e",
        target="%(target)s",
        effects=", ".join(filter(None, (_EFFECTS[target], effects))),
    )
    sources = sorted(sources_of(target, actor) - {State.RUNNING})
    return often(
        sql,
        {
            "ids": list(ids),
            "sources": sources,
            "target": target,
            "actor": actor,
            "user_id": user_id,
            "attempt_id": None,
            "reason": reason,
            "request_id": _request_id(),
            **params,
        },
    )


def claim(which: str, *, taken: Sequence[str] | None = None, **params: Any) -> Any | None:
    """pending → running: opens the attempt of the execution that `which` (SQL of the engine) names.

    None when somebody was first or the claim is refused. `taken`: the limits whose units the caller took; by default
    the one limit there may be is taken here. A statement of its own.
    """
    found = often(_CLAIM.format(which=which), {"taken": None if taken is None else list(taken), **params})
    return found[0] if found else None


def end(
    execution_id: UUID, attempt_id: int, target: State, *, actor: Actor, alone: bool = False, **params: Any
) -> Any | None:
    """running → final, retrying or pending (handed back), by the attempt that holds it; None when the fence refused.

    `alone`: the end with all its consequences but the next in line of its limit, and None also when anything depends
    on the execution or it holds more limits than one. Requires a transaction when it holds a limit or is not `alone`.
    """
    if State.RUNNING not in sources_of(target, actor):
        raise ValueError(f"{actor} may not end an execution as {target}")
    sql = _END.format(alone=ALONE, head=HEAD) if alone else _END.format(alone="", head="")
    found = often(sql, {"id": execution_id, "attempt_id": attempt_id, "target": target, "actor": actor, **params})
    return found[0] if found else None
