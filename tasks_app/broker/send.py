"""The only sender of our messages. It never raises for a broker that is away: it says what did not go out."""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from celery import current_app
from kombu.exceptions import BatchPublishError, OperationalError  # type: ignore[attr-defined]

from tasks_app.broker import canvas
from tasks_app.broker.fuse import FUSE
from tasks_app.broker.messages import Message, Shipment
from tasks_app.broker.producers import broker_priority, forget, producer

log = structlog.get_logger(__name__)
A_ROUND_TRIP = 500


def send(shipments: Sequence[Shipment]) -> list[Shipment]:
    """Publish each; return those that did not go out. Takes at most about a second when the broker is away."""
    if not shipments:
        return []
    if FUSE.blown:
        return list(shipments)
    try:
        # One round trip for many where the transport can. When it fails, some may have gone out: doubles do no harm.
        with producer() as held, held.batch(max_size=A_ROUND_TRIP):
            for shipment in shipments:
                _ship(shipment, held)
    except broker_errors() as exc:
        FUSE.blow()
        forget()
        log.warning("broker.unreachable", error=type(exc).__name__, unsent=len(shipments))
        return list(shipments)
    FUSE.mend()
    return []


def broker_errors() -> tuple[type[BaseException], ...]:
    """What is raised when the broker is away."""
    transport = current_app.connection_for_write().transport
    ours = (OperationalError, BatchPublishError, OSError, TimeoutError)
    return (*ours, *transport.connection_errors, *transport.channel_errors)


def _ship(shipment: Shipment, held: Any) -> None:
    if isinstance(shipment, Message):
        _publish(shipment, held)
    else:
        canvas.publish(shipment, held)


def _publish(message: Message, held: Any) -> None:
    """One message by Celery's protocol, without inheriting lineage from the Celery task we may be running in."""
    amqp = current_app.amqp
    task = amqp.as_task_v2(
        message.celery_id,
        message.task,
        args=(message.body,),
        kwargs={},
        argsrepr=repr((message.body,)),
        kwargsrepr="{}",
        root_id=message.root_id,
        parent_id=message.parent_id,
        shadow=message.shown_as,
        create_sent_event=bool(current_app.conf.task_send_sent_event),
        origin=f"fleet@{time.time():.0f}",
    )
    amqp.send_task_message(
        held, message.task, task, queue=message.pool, priority=broker_priority(message.priority), retry=False
    )
