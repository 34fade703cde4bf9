"""The Celery tasks of the fleet, each one line into the engine, and what each visit tells Celery.

A failed execution raises, so that Celery and Flower show FAILURE; a visit that does not end final raises Retry or
Ignore, which drops its links: the table carries on. Unknown versions are acknowledged and left to the table.
"""

import os
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from celery import shared_task
from celery.exceptions import Ignore, Retry

from tasks_app.broker.messages import CLOSE_BATCH, LANE, OCCURRENCE, RUN, VERSION
from tasks_app.domain.states import FINAL, State
from tasks_app.engine import batches, closing, lanes
from tasks_app.engine.claim import Seat
from tasks_app.engine.clock import policy
from tasks_app.engine.tick import occurrence_due
from tasks_app.engine.visit import Visit, visit, visit_members
from tasks_app.worker import crew, desk
from tasks_app.worker.fresh import fresh_connection
from tasks_app.worker.lane_clock import LaneClock

log = structlog.get_logger(__name__)


class ExecutionFailed(Exception):
    """The execution ended as failed; its row has the whole story."""


OPTIONS: dict[str, Any] = {
    "bind": True,
    "acks_late": False,
    "ignore_result": False,
    "max_retries": 0,
    "throws": (ExecutionFailed,),
}
__all__ = ["close_batch", "crew", "lane", "occurrence", "run"]


def _read(message: Any, *names: str) -> list[Any]:
    """The ids of a message. Raises Ignore for a version or a shape this code does not know."""
    if not isinstance(message, dict) or message.get("v") != VERSION or any(name not in message for name in names):
        log.warning("message.refused", version=message.get("v") if isinstance(message, dict) else None)
        raise Ignore
    return [message[name] for name in names]


def _uuid(text: Any) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        log.warning("message.refused", reason="no id")
        raise Ignore from None


def _seat(request: Any) -> Seat:
    return Seat(worker=str(request.hostname or ""), pid=os.getpid(), celery_id=str(request.id))


@shared_task(name=RUN, **OPTIONS)
def run(self: Any, message: Any) -> dict[str, str]:
    """Run one execution."""
    (text,) = _read(message, "execution")
    fresh_connection()
    visited = visit(_uuid(text), seat=_seat(self.request), desk=desk.put, carried=_carried(self.request))
    return tell(visited, self.request)


def tell(visited: Visit, request: Any) -> dict[str, str]:
    """What Celery is told of a visit."""
    finished = visited.finished
    if finished is None:
        raise Ignore
    request.made_ready = finished.ready
    if finished.state == State.FAILED:
        raise ExecutionFailed(finished.reason)
    if finished.state == State.RETRYING:
        raise Retry(f"retrying: {finished.reason}", exc=ExecutionFailed(finished.reason))
    if finished.state not in FINAL:
        raise Ignore
    assert visited.held is not None
    return {"execution": str(visited.held.execution_id), "state": finished.state}


def _carried(request: Any) -> frozenset[UUID]:
    """The executions that this message brings on when it is done: the next link, the body of its chord."""
    following = [request.chain[-1]] if request.chain else []
    following += [request.chord] if request.chord else []
    return frozenset(UUID(i) for s in following if (i := message_of(s).get("execution")))


def message_of(signature: Any) -> dict[str, Any]:
    """The message inside one of our signatures; empty for anybody else's."""
    args = signature.get("args") or () if isinstance(signature, dict) else ()
    return args[0] if args and isinstance(args[0], dict) and args[0].get("v") == VERSION else {}


@shared_task(name=LANE, **OPTIONS)
def lane(self: Any, message: Any) -> dict[str, int]:
    """Take members of a batch one after another for a while, then make room and come again."""
    (text, _) = _read(message, "batch", "lane")
    batch_id, clock = _uuid(text), LaneClock(policy().lane_budget, beat=lanes.seen)
    fresh_connection()
    going = partial(clock.goes_on, batch_id)
    done, more = visit_members(batch_id, seat=_seat(self.request), desk=desk.put, going=going)
    if not more:
        batches.stop_if_failed(batch_id)
        closing.close_batches([batch_id])
        return {"members": done}
    queue = self.request.delivery_info.get("routing_key")
    raise self.replace(self.si(message).set(queue=queue, priority=self.request.delivery_info.get("priority")))


@shared_task(name=CLOSE_BATCH, **OPTIONS)
def close_batch(self: Any, message: Any) -> dict[str, int]:
    """The body of a batch's chord: the batch is closed in the database already, or is closed now."""
    (text,) = _read(message, "batch")
    fresh_connection()
    return {"closed": len(closing.close_batches([_uuid(text)]))}


@shared_task(name=OCCURRENCE, **OPTIONS)
def occurrence(self: Any, message: Any) -> dict[str, int]:
    """Sent by a stock beat for the projection of a schedule: the schedule's own tick."""
    (schedule,) = _read(message, "schedule")
    if not str(schedule).isdecimal():
        log.warning("message.refused", reason="no schedule id")
        raise Ignore
    fresh_connection()
    return {"due": occurrence_due(int(schedule))}
