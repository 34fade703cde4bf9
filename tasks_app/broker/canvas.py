"""Plans as Celery's own objects: a chain for a linear stretch, a chord for a fan-out and its join, or for lanes."""

from typing import Any

from celery import chain, chord, current_app
from celery.canvas import Signature

from tasks_app.broker.messages import Chain, Chord, Message
from tasks_app.broker.producers import broker_priority


def publish(shipment: Chain | Chord, held: Any) -> None:
    """Send with one root id: the workflow run or the batch."""
    canvas, first = _build(shipment)
    canvas.apply_async(producer=held, retry=False, root_id=first.root_id, parent_id=first.parent_id or first.root_id)


def _build(shipment: Chain | Chord) -> tuple[Any, Message]:
    if isinstance(shipment, Chain):
        return chain(*(signature(link) for link in shipment.links)), shipment.links[0]
    header = [signature(member) for member in shipment.header]
    return chord(header, signature(shipment.body), app=current_app), shipment.header[0]


def signature(message: Message) -> Signature:
    """Immutable: a link takes its ids, never the result of the link before it."""
    options = {
        "queue": message.pool,
        "priority": broker_priority(message.priority),
        "task_id": message.celery_id,
        "shadow": message.shown_as,
        "retry": False,
    }
    return current_app.signature(message.task, args=(message.body,), immutable=True, options=options)
