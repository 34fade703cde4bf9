"""What people do to what is waiting or running: cancel, pause, resume. Durable: it all stands in the table."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from tasks_app.domain.states import Actor, State
from tasks_app.engine import cascade, dispatch, follow, moves, scheduling, trigger
from tasks_app.engine.clock import once_more
from tasks_app.engine.finish import hold_heads, keep_head
from tasks_app.engine.rows import execute, rows
from tasks_app.models import TaskDefinition, WorkflowRun

A_TRANSACTION = 1000
_OPEN = "('blocked', 'scheduled', 'pending', 'running', 'retrying')"
# Locks every open one: what waits cannot begin, and what runs cannot begin to wait, before the others are moved.
# In a WITH the state is judged after the lock; in a subquery it would be before.
_ASK = f"""
WITH locked AS (
    SELECT id, state FROM fleet_execution WHERE id = ANY(%(ids)s) AND state IN {_OPEN} ORDER BY id FOR UPDATE
)
UPDATE fleet_execution e SET cancel_requested_at = coalesce(e.cancel_requested_at, now()),
    cancel_requested_by = coalesce(e.cancel_requested_by, %(by)s), cancel_reason = coalesce(e.cancel_reason, %(reason)s)
FROM locked WHERE e.id = locked.id AND locked.state = 'running' RETURNING e.id
"""


def cancel(
    execution_ids: Collection[UUID],
    *,
    by: AbstractBaseUser | None = None,
    reason: str = "",
    actor: Actor = Actor.USER,
) -> list[UUID]:
    """Cancel what waits, ask the keepers to end what runs. Returns those reached; final ones are left alone.

    Opens transactions of at most a thousand executions.
    """
    ids, reached = sorted(execution_ids), []
    for begin in range(0, len(ids), A_TRANSACTION):
        reached += _cancel(ids[begin : begin + A_TRANSACTION], by=by, reason=reason or "cancelled", actor=actor)
    return reached


@once_more
def _cancel(ids: list[UUID], *, by: AbstractBaseUser | None, reason: str, actor: Actor) -> list[UUID]:
    with transaction.atomic():
        asked = rows(_ASK, {"ids": ids, "by": by.pk if by else None, "reason": reason})
        moved = moves.move(ids, State.CANCELLED, actor=actor, reason=reason, user_id=by.pk if by else None)
        end_waiting(moved)
    return [row.id for row in moved] + [row.id for row in asked]


def end_waiting(moved: Sequence[Any]) -> None:
    """What follows for executions that a move has just ended without an attempt. Requires a transaction."""
    ended = [cascade.as_ended(row) for row in moved]
    if ended:
        hold_heads([e.definition_id for e in ended])
        follow.settle_and_follow(ended)
        for end in {e.definition_id: e for e in ended}.values():
            keep_head(end)


def cancel_where(
    where: str,
    params: Mapping[str, Any],
    *,
    by: AbstractBaseUser | None = None,
    actor: Actor = Actor.USER,
    reason: str,
    within: timedelta = timedelta(seconds=3),
) -> int:
    """Cancel open executions of a condition (SQL of the engine), a thousand a transaction, for about `within`.

    Whoever calls has noted the wish in the table first: what is left is the sweep's. Returns how many were reached.
    """
    sql = (
        f"SELECT e.id FROM fleet_execution e WHERE {where} AND e.state IN {_OPEN} "
        f"AND e.cancel_requested_at IS NULL LIMIT {A_TRANSACTION}"
    )
    reached, until = 0, time.monotonic() + within.total_seconds()
    while time.monotonic() < until and (found := rows(sql, params)):
        hit = cancel([row.id for row in found], by=by, reason=reason, actor=actor)
        reached += len(hit)
        if not hit:
            break
    return reached


def cancel_workflow(run: WorkflowRun, *, by: AbstractBaseUser | None = None, reason: str = "") -> int:
    """Cancel every open node of a run at once, so that none is skipped for another's sake; returns how many.

    Opens a transaction.
    """
    found = rows(f"SELECT id FROM fleet_execution WHERE workflow_id = %s AND state IN {_OPEN} ORDER BY id", [run.pk])
    return len(_cancel([row.id for row in found], by=by, reason=reason or "workflow run cancelled", actor=Actor.USER))


@once_more
def pause(definition: TaskDefinition, *, by: AbstractBaseUser | None = None) -> None:
    """Nothing of this definition starts by itself until it is resumed; what runs goes on. Opens a transaction."""
    trigger.refuse_archived(definition)
    with transaction.atomic():
        _set_status(definition, TaskDefinition.Status.PAUSED)
        execute(
            "UPDATE fleet_execution SET held = true, sent_at = NULL, resend_at = NULL "
            "WHERE definition_id = %s AND state = 'pending' AND NOT forced",
            [definition.pk],
        )
        scheduling.suspend(definition)


@once_more
def resume(definition: TaskDefinition, *, by: AbstractBaseUser | None = None) -> None:
    """What waited may start again; the paused time counts as nothing. Opens a transaction."""
    trigger.refuse_archived(definition)
    with transaction.atomic():
        _set_status(definition, TaskDefinition.Status.ACTIVE)
        freed = rows(
            "UPDATE fleet_execution SET held = false WHERE definition_id = %s AND state = 'pending' AND held "
            "RETURNING pool",
            [definition.pk],
        )
        scheduling.resume(definition)
        transaction.on_commit(partial(dispatch.dispatch, {row.pool for row in freed}), robust=True)


def _set_status(definition: TaskDefinition, status: str) -> None:
    execute("UPDATE fleet_definition SET status = %s, updated_at = now() WHERE id = %s", [status, definition.pk])
    definition.status = status
