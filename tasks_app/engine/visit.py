"""One message, one visit: claim, run, finish. What the Celery task tells Celery is decided by its caller.

A message that comes twice, late or for something that is over changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import DataError, connection
from psycopg.pq import TransactionStatus

from executors.errors import Failure
from tasks_app.domain.states import State
from tasks_app.engine.claim import Refusal, Seat, claim, claim_member
from tasks_app.engine.finish import Finished, Outcome, finish
from tasks_app.engine.guard import GUARD
from tasks_app.engine.held import Held
from tasks_app.engine.run import run

log = structlog.get_logger(__name__)
Desk = Callable[[Held | None], None]


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


def visit_member(batch_id: UUID, *, seat: Seat, desk: Desk) -> Visit | None:
    """Claim and run the next member of a batch; None when nothing is left to take."""
    with GUARD.visit():
        taken = claim_member(batch_id, seat=seat)
        return None if taken is None else _serve(taken, desk=desk)


def _serve(taken: Held | Refusal, *, desk: Desk, carried: frozenset[UUID] = frozenset()) -> Visit:
    if isinstance(taken, Refusal):
        return Visit(refusal=taken)
    ids = {"execution": str(taken.execution_id), "attempt": taken.number, "trace_id": taken.trace_id}
    with structlog.contextvars.bound_contextvars(**ids, request_id=taken.request_id):
        desk(taken)
        try:
            outcome = run(taken, guard=GUARD)
            return Visit(held=taken, finished=_record(taken, outcome, carried))
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
    except (DataError, ValueError, TypeError) as exc:
        failure = Failure("bad_response", f"The outcome could not be stored: {str(exc).splitlines()[0][:300]}")
        finished = finish(held, Outcome(failure=failure), carried=carried)
    failed = outcome.failure.kind if outcome.failure else None
    log.info("execution.ended", type=held.task_type, state=finished and finished.state, error=failed)
    return finished
