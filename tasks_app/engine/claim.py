"""A worker takes an execution: exactly one wins, slots are taken, an attempt with a lease is opened.

Called by `visit` for a message, and by a batch's lanes for the next member.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction

from executors import registry
from tasks_app.domain.states import Actor, State
from tasks_app.engine import moves, slots
from tasks_app.engine.clock import once_more, policy
from tasks_app.engine.held import COLUMNS, SLOT_KEYS, TABLES, Held, from_row
from tasks_app.engine.queue import MEMBER, PENDING
from tasks_app.engine.rows import decoded, execute, one

_LOOK = f"""
SELECT {COLUMNS}, {SLOT_KEYS} AS slot_keys
FROM {TABLES} WHERE e.id = %(id)s AND {PENDING} FOR UPDATE OF e SKIP LOCKED
"""
_NEXT_MEMBER = f"""
SELECT e.id FROM fleet_execution e WHERE {MEMBER} AND EXISTS (
    SELECT 1 FROM fleet_batch b
    WHERE b.id = %(batch)s::uuid AND b.state = 'running' AND b.cancel_requested_at IS NULL
      AND NOT (b.stop_on_failure AND EXISTS (
          SELECT 1 FROM fleet_execution f WHERE f.batch_id = b.id AND f.state = 'failed' AND NOT f.superseded)))
ORDER BY e.queue_at, e.batch_position LIMIT 1 FOR UPDATE OF e SKIP LOCKED
"""
_THIS = "e.id = %(id)s"
_NEXT = f"e.id = ({_NEXT_MEMBER})"
# The definition is looked at once more under a lock: it may just be resumed by somebody who does not see this row.
_HOLD = """
UPDATE fleet_execution e SET held = true, sent_at = NULL, resend_at = NULL WHERE e.id = %s AND EXISTS (
    SELECT 1 FROM fleet_definition d WHERE d.id = e.definition_id AND d.status <> 'active' FOR SHARE)
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
    return _take(_THIS, seat, id=execution_id) or _judge(execution_id, seat)


@once_more
def claim_member(batch_id: UUID, *, seat: Seat) -> Held | Refusal | None:
    """Take the next waiting member of a batch; None when nothing is left to take. Opens a transaction."""
    if held := take_member(batch_id, seat=seat):
        return held
    with transaction.atomic():
        following = one(_NEXT_MEMBER, {"batch": batch_id})
        return _judge(following.id, seat) if following else None


def take_member(batch_id: UUID, *, seat: Seat) -> Held | None:
    """The next waiting member of a batch that no other limit binds than the batch's own, in one statement; None leaves
    it to `claim_member`."""
    return _take(_NEXT, seat, batch=batch_id)


def _take(which: str, seat: Seat, *, taken: Sequence[str] | None = None, **params: Any) -> Held | None:
    row = moves.claim(
        which,
        taken=taken,
        types=list(registry.available()),
        worker=seat.worker,
        pid=seat.pid,
        celery_id=seat.celery_id,
        lease=policy().lease,
        **params,
    )
    if row is None:
        return None
    return from_row(
        row,
        attempt_id=row.opened_id,
        number=row.number,
        limited=bool(row.slots),
        kept_state=decoded(row.kept_state) or {},
        started_at=row.started_at,
        deadline_at=row.deadline_at,
    )


def _judge(execution_id: UUID, seat: Seat) -> Held | Refusal:
    """What one statement could not grant: refused for a reason, or bound by several limits. Opens a transaction."""
    with transaction.atomic():
        row = one(_LOOK, {"id": execution_id})
        if row is None:
            return Refusal.NOT_WAITING
        if row.status != "active" and not row.forced and execute(_HOLD, [row.id]):
            return Refusal.PAUSED
        if row.task_type not in registry.available():
            return _hand_back(row)
        if row.slot_keys and (full := slots.take(row.slot_keys)):
            return _wait_for(full, row)
        held = _take(_THIS, seat, id=row.id, taken=row.slot_keys)
        assert held is not None  # the row is locked and pending
        return held


def _wait_for(full: str, row: Any) -> Refusal:
    execute(
        "UPDATE fleet_execution SET waiting_slot = %s, sent_at = NULL, resend_at = NULL, sends = 0 WHERE id = %s",
        [full, row.id],
    )
    return Refusal.SLOT_FULL


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
