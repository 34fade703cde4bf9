"""Batches: many executions started together, at most `max_parallel` of them at once.

The members' rows exist before the first lane is sent. A place in a batch belongs to its newest generation.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from tasks_app.domain.refusals import Code, Refused, invalid
from tasks_app.domain.states import Actor, State
from tasks_app.engine import backpressure, control, lanes, moves, slots, statistics
from tasks_app.engine.opening import Opening
from tasks_app.engine.rows import decoded, execute, one, rows
from tasks_app.models import Batch

MOST_MEMBERS = 100_000
A_STATEMENT = 5_000
_DEFINITIONS = """
SELECT d.id, d.owner_id, v.pool, v.priority FROM fleet_definition d
JOIN fleet_definition_version v ON v.id = d.current_version_id WHERE d.id = ANY(%(ids)s) AND d.status <> 'archived'
"""
_MEMBERS = """
INSERT INTO fleet_batch_member (batch_id, position, generation, execution_id)
SELECT %(batch)s, * FROM unnest(%(positions)s::int[], %(generations)s::smallint[], %(executions)s::uuid[])
"""
_STOPS = """
SELECT b.id FROM fleet_batch b WHERE b.id = %(batch)s AND b.state = 'running' AND b.stop_on_failure AND EXISTS (
    SELECT 1 FROM fleet_execution e WHERE e.batch_id = b.id AND e.state = 'failed' AND NOT e.superseded)
"""
_FAILED = """
SELECT e.id, e.definition_id, e.batch_position, e.generation, e.overrides FROM fleet_execution e
WHERE e.batch_id = %(batch)s AND e.state = ANY(%(states)s) AND NOT e.superseded ORDER BY e.batch_position
"""


def start(
    definition_ids: Sequence[UUID],
    *,
    by: AbstractBaseUser | None = None,
    max_parallel: int,
    stop_on_failure: bool = False,
    overrides: Sequence[Mapping[str, Any] | None] | None = None,
    name: str = "",
    priority: int | None = None,
    request_id: str | None = None,
) -> Batch:
    """All members or none. An id may stand more than once. Raises Refused. Opens a transaction."""
    _check(definition_ids, max_parallel=max_parallel, overrides=overrides)
    known = {row.id: row for row in rows(_DEFINITIONS, {"ids": list(set(definition_ids))})}
    unknown = [str(i) for i in definition_ids if i not in known]
    if unknown:
        raise invalid("task_ids", f"No such task: {', '.join(dict.fromkeys(unknown[:5]))}.")
    first = known[definition_ids[0]]
    owner_id = by.pk if by else first.owner_id
    backpressure.admit(first.owner_id, more=len(definition_ids))
    with transaction.atomic():
        batch = Batch.objects.create(
            name=name,
            owner_id=owner_id,
            pool=first.pool,
            priority=first.priority if priority is None else priority,
            max_parallel=max_parallel,
            stop_on_failure=stop_on_failure,
            total=len(definition_ids),
        )
        slots.set_limit(f"batch:{batch.pk}", max_parallel)
        given = overrides or [None] * len(definition_ids)
        members = [
            _opening(batch, definition_id, position, override, priority)
            for position, (definition_id, override) in enumerate(zip(definition_ids, given, strict=True))
        ]
        _open(batch, members, user_id=by.pk if by else None)
    return batch


def _check(ids: Sequence[UUID], *, max_parallel: int, overrides: Sequence[Any] | None) -> None:
    if not 1 <= len(ids) <= MOST_MEMBERS:
        raise invalid("task_ids", f"A batch has 1 to {MOST_MEMBERS:,} tasks; this one has {len(ids):,}.")
    if not 1 <= max_parallel <= MOST_MEMBERS:
        raise invalid("max_parallel", f"max_parallel is a number from 1 to {MOST_MEMBERS:,}.")
    if overrides is not None and len(overrides) != len(ids):
        raise invalid("overrides", f"Give one entry per task: {len(ids):,} tasks, {len(overrides):,} entries.")


def _opening(
    batch: Batch,
    definition_id: UUID,
    position: int,
    overrides: Mapping[str, Any] | None,
    priority: int | None,
    *,
    generation: int = 0,
    rerun_of: UUID | None = None,
) -> Opening:
    return Opening(
        definition_id=definition_id,
        cause="batch" if rerun_of is None else "rerun",
        overrides=overrides,
        priority=priority,
        batch_id=batch.pk,
        batch_position=position,
        generation=generation,
        rerun_of=rerun_of,
    )


def _open(batch: Batch, members: Sequence[Opening], *, user_id: int | None) -> None:
    """Rows, places, and lanes after the commit. Requires a transaction."""
    for begin in range(0, len(members), A_STATEMENT):
        some = members[begin : begin + A_STATEMENT]
        moves.open_executions(some, actor=Actor.BATCH, user_id=user_id, reason="batch")
        execute(
            _MEMBERS,
            {
                "batch": batch.pk,
                "positions": [m.batch_position for m in some],
                "generations": [m.generation for m in some],
                "executions": [m.id for m in some],
            },
        )
    statistics.told_of(len(members))
    transaction.on_commit(partial(lanes.launch, batch), robust=True)


def cancel(batch: Any, *, by: AbstractBaseUser | None = None, reason: str = "") -> int:
    """Cancel what has not ended; running members are ended by their keepers. Returns how many were reached.

    The request is durable before the first member is touched. Opens transactions of at most a thousand members.
    """
    execute(
        "UPDATE fleet_batch SET cancel_requested_at = coalesce(cancel_requested_at, now()) "
        "WHERE id = %s AND state = 'running'",
        [batch.id],
    )
    return control.cancel_where(
        "e.batch_id = %(batch)s", {"batch": batch.id}, by=by, reason=reason or "batch cancelled"
    )


def stop_if_failed(batch_id: UUID) -> int:
    """The batch's own policy: a member failed, so the waiting ones are cancelled. Opens transactions."""
    if not one(_STOPS, {"batch": batch_id}):
        return 0
    return control.cancel_where(
        "e.batch_id = %(batch)s AND e.state <> 'running'",
        {"batch": batch_id},
        actor=Actor.BATCH,
        reason="stopped: a member of the batch failed",
    )


def retry_failed(batch: Batch, *, by: AbstractBaseUser | None = None) -> int:
    """The next generation of every member that failed, was missed or cancelled; how many. Opens a transaction."""
    with transaction.atomic():
        failed = rows(_FAILED, {"batch": batch.pk, "states": [State.FAILED, State.MISSED, State.CANCELLED]})
        return len(again(batch, failed, user_id=by.pk if by else None))


def again(
    batch: Batch, members: Sequence[Any], *, overrides: Mapping[str, Any] | None = None, user_id: int | None = None
) -> list[UUID]:
    """Ended members take their places again, in the next generation. Raises Refused. Requires a transaction."""
    locked = one("SELECT state FROM fleet_batch WHERE id = %s FOR UPDATE", [batch.pk])
    if locked and locked.state == Batch.State.RUNNING:
        raise Refused(Code.CONFLICT, "The batch is still running; wait for its end or cancel it first.")
    if not members:
        return []
    execute("UPDATE fleet_execution SET superseded = true WHERE id = ANY(%s)", [[m.id for m in members]])
    execute(
        "UPDATE fleet_batch SET state = 'running', finished_at = NULL, cancel_requested_at = NULL, "
        "body_sent = false, lanes_seen_at = NULL, lanes_sent_at = NULL WHERE id = %s",
        [batch.pk],
    )
    slots.set_limit(f"batch:{batch.pk}", batch.max_parallel)
    openings = [
        _opening(
            batch,
            member.definition_id,
            member.batch_position,
            decoded(member.overrides) if overrides is None else overrides,
            None,
            generation=member.generation + 1,
            rerun_of=member.id,
        )
        for member in members
    ]
    _open(batch, openings, user_id=user_id)
    return [opening.id for opening in openings]
