"""Celery tasks of a user's own app, sent by name as beat would send them.

Called for PeriodicTasks that people made by hand. Our own messages go through `send`; no row is read or written here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from celery import current_app

from tasks_app.broker.fuse import FUSE
from tasks_app.broker.producers import forget, producer
from tasks_app.broker.send import broker_errors

log = structlog.get_logger(__name__)


def send_plain(name: str, *, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether it went out. A task known here brings its own options and routes; an unknown one goes by its name."""
    if FUSE.blown:
        return False
    try:
        with producer() as held:
            _publish(name, list(args), dict(kwargs), {**options, "producer": held, "retry": False})
    except broker_errors() as exc:
        FUSE.blow()
        forget()
        log.warning("broker.unreachable", error=type(exc).__name__, periodic_task=name)
        return False
    FUSE.mend()
    return True


def _publish(name: str, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> None:
    task = current_app.tasks.get(name)
    if task is not None:
        task.apply_async(tuple(args), kwargs, **options)
    else:
        current_app.send_task(name, args, kwargs, **options)
