"""One message, one visit: claim, run, finish. What the Celery task tells Celery is decided by its caller.

A message that comes twice, late or for something that is over changes nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import structlog
from django.db import DataError, connection
from psycopg.pq import TransactionStatus

from executors.errors import Failure
from tasks_app.domain.states import State
from tasks_app.engine.claim import Refusal, Seat, claim, claim_member, take_member
from tasks_app.engine.finish import Finished, Outcome, finish, finish_and_take
from tasks_app.engine.guard import GUARD
from tasks_app.engine.held import Held
from tasks_app.engine.run import run

log = structlog.get_logger(__name__)
Desk = Callable[[Held | None], None]
UNSTORABLE = (DataError, ValueError, TypeError)


@dataclass(frozen=True)
class Visit:
    """How a visit ended: refused before it began, or finished (None when the fence refused the late answer)."""

    held: Held | None = None
    refusal: Refusal | None = None
    finished: Finished | None = None

    @property
    def state(self) -> State | None:
        return self.finished.state if self.finished else None


def visit(execution_id: UUID, *, seat: Seat, desk: Desk, carried: frozenset[UUID] = frozenset()) -> Visit:
    """Claim and run one execution. `desk` is told what is in hand and when it is put down."""
    with GUARD.visit():
        return _serve(claim(execution_id, seat=seat), desk=desk, carried=carried)


def visit_members(batch_id: UUID, *, seat: Seat, desk: Desk, going: Callable[[], bool]) -> tuple[int, bool]:
    """Claim and run members of a batch one after another while `going()`; how many, and whether more may be waiting.

    Where nothing depends on a member, its end and the claim of the next are one commit.
    """
    done = 0
    while going() and not GUARD.leaving:
        with GUARD.visit():
            taken = claim_member(batch_id, seat=seat)
            if taken is None or taken is Refusal.SLOT_FULL:
                return done, False
            while isinstance(taken, Held):
                done += 1
                taken = _serve_member(taken, batch_id, seat=seat, desk=desk, going=going)
    return done, True


def _serve_member(held: Held, batch_id: UUID, *, seat: Seat, desk: Desk, going: Callable[[], bool]) -> Held | None:
    """Run one and end it; the next one, where it was taken in the same commit."""
    with _in_hand(held, desk):
        outcome = run(held, guard=GUARD)
        _settle_connection()
        if outcome.result is not None and going() and not GUARD.leaving:
            with suppress(*UNSTORABLE):
                finished, following = finish_and_take(held, outcome, partial(take_member, batch_id, seat=seat))
                if finished:
                    _told(held, outcome, finished)
                    return following
        _record(held, outcome, frozenset())
    return None


def _serve(taken: Held | Refusal, *, desk: Desk, carried: frozenset[UUID] = frozenset()) -> Visit:
    if isinstance(taken, Refusal):
        return Visit(refusal=taken)
    with _in_hand(taken, desk):
        outcome = run(taken, guard=GUARD)
        return Visit(held=taken, finished=_record(taken, outcome, carried))


@contextmanager
def _in_hand(held: Held, desk: Desk) -> Iterator[None]:
    """On the desk, and in every line of the log."""
    ids = {"execution": str(held.execution_id), "attempt": held.number, "trace_id": held.trace_id}
    with structlog.contextvars.bound_contextvars(**ids, request_id=held.request_id):
        desk(held)
        try:
            yield
        finally:
            desk(None)


def _settle_connection() -> None:
    """Work that used this process's connection may have left a transaction open or broken: it must not hold anybody
    up, nor take our record with it."""
    wire = connection.connection
    ours = connection.in_atomic_block  # a caller's own transaction, as in tests, is no leftover
    if wire is not None and not ours and wire.info.transaction_status != TransactionStatus.IDLE:
        log.warning("execution.left_a_transaction_open")
        connection.close()


def _record(held: Held, outcome: Outcome, carried: frozenset[UUID]) -> Finished | None:
    """Finish; an outcome that the database cannot hold is a failure that says so, not a lost worker."""
    _settle_connection()
    try:
        finished = finish(held, outcome, carried=carried)
    except UNSTORABLE as exc:
        failure = Failure("bad_response", f"The outcome could not be stored: {str(exc).splitlines()[0][:300]}")
        finished = finish(held, Outcome(failure=failure), carried=carried)
    _told(held, outcome, finished)
    return finished


def _told(held: Held, outcome: Outcome, finished: Finished | None) -> None:
    failed = outcome.failure.kind if outcome.failure else None
    log.info("execution.ended", type=held.task_type, state=finished and finished.state, error=failed)
