"""A worker takes an execution: exactly one wins, slots are taken, an attempt with a lease is opened.

Called by `visit` for a message, and by a batch's lanes for the next member.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction

from executors import registry
from tasks_app.domain.states import Actor, State
from tasks_app.engine import moves, slots
from tasks_app.engine.clock import once_more, policy
from tasks_app.engine.held import COLUMNS, TABLES, Held, from_row
from tasks_app.engine.rows import execute, one

_LOOK = f"""
SELECT {COLUMNS}, ARRAY(SELECT s.key FROM fleet_slot s WHERE s.key = ANY(ARRAY['global', 'pool:' || e.pool,
    'type:' || e.task_type, 'definition:' || e.definition_id, 'key:' || v.concurrency_key, 'batch:' || e.batch_id]))
    AS slot_keys
FROM {TABLES} WHERE e.id = %(id)s AND e.state = 'pending' FOR UPDATE OF e SKIP LOCKED
"""
_NEXT_MEMBER = """
SELECT e.id FROM fleet_execution e JOIN fleet_batch b ON b.id = e.batch_id
WHERE e.batch_id = %(batch)s AND e.state = 'pending' AND NOT e.held AND e.waiting_slot IS NULL
  AND b.state = 'running' AND b.cancel_requested_at IS NULL
  AND NOT (b.stop_on_failure AND EXISTS (
      SELECT 1 FROM fleet_execution f WHERE f.batch_id = b.id AND f.state = 'failed' AND NOT f.superseded))
ORDER BY e.queue_at, e.batch_position LIMIT 1 FOR UPDATE OF e SKIP LOCKED
"""


@dataclass(frozen=True)
class Seat:
    """Who claims: the worker's name, the pool child's pid, and the Celery message in its hand."""

    worker: str
    pid: int
    celery_id: str


class Refusal(StrEnum):
    """Why a claim was not granted. None of these costs the execution anything but HANDED_BACK_TOO_OFTEN."""

    NOT_WAITING = "not waiting"
    PAUSED = "its definition is paused"
    SLOT_FULL = "a concurrency limit is reached"
    TYPE_UNKNOWN = "this worker cannot run the task type"
    HANDED_BACK_TOO_OFTEN = "handed back too often"


@once_more
def claim(execution_id: UUID, *, seat: Seat) -> Held | Refusal:
    """Take one execution. Opens a transaction."""
    with transaction.atomic():
        return _claim(execution_id, seat)


@once_more
def claim_member(batch_id: UUID, *, seat: Seat) -> Held | Refusal | None:
    """Take the next waiting member of a batch; None when nothing is left to take. Opens a transaction."""
    with transaction.atomic():
        following = one(_NEXT_MEMBER, {"batch": batch_id})
        return _claim(following.id, seat) if following else None


def _claim(execution_id: UUID, seat: Seat) -> Held | Refusal:
    row = one(_LOOK, {"id": execution_id})
    if row is None:
        return Refusal.NOT_WAITING
    if row.status != "active" and not row.forced:
        execute("UPDATE fleet_execution SET held = true, sent_at = NULL, resend_at = NULL WHERE id = %s", [row.id])
        return Refusal.PAUSED
    if row.task_type not in registry.available():
        return _hand_back(row)
    if row.slot_keys and (full := slots.take(row.slot_keys)):
        execute(
            "UPDATE fleet_execution SET waiting_slot = %s, sent_at = NULL, resend_at = NULL, sends = 0 WHERE id = %s",
            [full, row.id],
        )
        return Refusal.SLOT_FULL
    return _open_attempt(row, seat)


def _open_attempt(row: Any, seat: Seat) -> Held:
    timeout = row.timeout_seconds
    opened = moves.claim(
        row.id,
        worker=seat.worker,
        pid=seat.pid,
        celery_id=seat.celery_id,
        lease=policy().lease,
        timeout=from_row(row, attempt_id=0, number=0).timeout if timeout else None,
        slots=row.slot_keys,
    )
    assert opened is not None  # the row is locked and pending
    return from_row(
        row, attempt_id=opened.id, number=opened.number, started_at=opened.started_at, deadline_at=opened.deadline_at
    )


def _hand_back(row: Any) -> Refusal:
    """An old worker, or one without the extra: left to others, a little later each time, and not for ever."""
    if row.handed_back >= policy().max_handed_back:
        reason = f"no worker could run task type {row.task_type}"
        moves.move(
            [row.id],
            State.FAILED,
            actor=Actor.WORKER,
            reason=reason,
            effects="error_kind = 'type_unknown', error_message = %(reason)s",
        )
        return Refusal.HANDED_BACK_TOO_OFTEN
    execute(
        "UPDATE fleet_execution SET handed_back = handed_back + 1, sent_at = now(), sends = sends + 1, "
        "resend_at = now() + %s * power(2, handed_back) WHERE id = %s",
        [policy().unclaimed_after, row.id],
    )
    return Refusal.TYPE_UNKNOWN
