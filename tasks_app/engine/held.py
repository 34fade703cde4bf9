"""An execution in hand: everything its run and its end need, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tasks_app.domain.retries import RetryPolicy
from tasks_app.engine.rows import decoded, one

COLUMNS = """
    e.id, e.definition_id, e.task_type, e.pool, e.priority, e.overrides, e.attempts, e.retries_used, e.handed_back,
    e.workflow_id, e.batch_id, e.parent_id, e.forced, e.trace_id, e.request_id, e.attempt_id,
    EXISTS (SELECT 1 FROM fleet_link l WHERE l.downstream_id = e.id) AS linked, e.cancel_requested_at,
    d.name AS definition_name, d.status, v.config, v.timeout_seconds, v.max_retries, v.initial_delay_ms, v.max_delay_ms,
    v.backoff_multiplier, v.jitter, v.retry_conditions, v.idempotent, v.concurrency_key
"""
TABLES = """
    fleet_execution e JOIN fleet_definition d ON d.id = e.definition_id
    JOIN fleet_definition_version v ON v.id = e.version_id
"""
# Which limits bind an execution: only finite ones have rows.
SLOT_KEYS = """ARRAY(SELECT s.key FROM fleet_slot s WHERE s.key = ANY(ARRAY['global', 'pool:' || e.pool,
    'type:' || e.task_type, 'definition:' || e.definition_id, 'key:' || v.concurrency_key, 'batch:' || e.batch_id]))
"""
_BY_ATTEMPT = f"""
SELECT {COLUMNS} FROM {TABLES} WHERE e.id = %(id)s AND e.state = 'running' AND e.attempt_id = %(attempt)s
"""


@dataclass(frozen=True, kw_only=True)
class Held:
    """One open attempt of an execution and the version it runs. `limited`: it may hold units of limits; `kept_state`:
    what the definition keeps between its runs, read with the claim."""

    execution_id: UUID
    attempt_id: int
    number: int
    definition_id: UUID
    definition_name: str
    task_type: str
    config: Mapping[str, Any]
    given_inputs: Mapping[str, Any]
    pool: str
    workflow_id: UUID | None
    batch_id: UUID | None
    parent_id: UUID | None
    trace_id: str | None
    request_id: str | None
    linked: bool
    timeout: timedelta
    retry: RetryPolicy
    retries_used: int
    handed_back: int
    idempotent: bool
    limited: bool = True
    kept_state: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    deadline_at: datetime | None = None


def from_row(row: Any, *, attempt_id: int, number: int, **more: Any) -> Held:
    """A row of COLUMNS as a value; a run's own config is laid over the version's."""
    overrides = decoded(row.overrides) or {}
    return Held(
        execution_id=row.id,
        attempt_id=attempt_id,
        number=number,
        definition_id=row.definition_id,
        definition_name=row.definition_name,
        task_type=row.task_type,
        config={**(decoded(row.config) or {}), **overrides.get("config", {})},
        given_inputs=overrides.get("inputs", {}),
        pool=row.pool,
        workflow_id=row.workflow_id,
        batch_id=row.batch_id,
        parent_id=row.parent_id,
        trace_id=row.trace_id,
        request_id=row.request_id,
        linked=row.linked,
        timeout=timedelta(seconds=row.timeout_seconds),
        retry=_retry_policy(row),
        retries_used=row.retries_used,
        handed_back=row.handed_back,
        idempotent=row.idempotent,
        **more,
    )


def _retry_policy(row: Any) -> RetryPolicy:
    return RetryPolicy(
        max_retries=row.max_retries,
        initial_delay_ms=row.initial_delay_ms,
        max_delay_ms=row.max_delay_ms,
        backoff_multiplier=row.backoff_multiplier,
        jitter=row.jitter,
        retry_conditions=None if row.retry_conditions is None else frozenset(row.retry_conditions),
    )


def of_attempt(execution_id: UUID, attempt_id: int) -> Held | None:
    """What an open attempt holds, for whoever ends it in its worker's place; None when it holds nothing any more."""
    row = one(_BY_ATTEMPT, {"id": execution_id, "attempt": attempt_id})
    return from_row(row, attempt_id=attempt_id, number=row.attempts) if row else None
