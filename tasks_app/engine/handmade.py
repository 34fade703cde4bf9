"""PeriodicTasks that people made in django-celery-beat's own tables: their Celery task is sent by name.

Called after the commit that wrote the occurrence. What could not be sent is taken out of the ledger again and stays
due, so that a broker that is away for a while loses nothing: within the misfire window it is sent late, beyond it the
catch-up policy decides. Our own definitions never come in, but for switching off what was to run once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django_celery_beat.models import PeriodicTask

from tasks_app.broker.messages import OCCURRENCE
from tasks_app.broker.plain import send_plain
from tasks_app.engine.rows import execute

log = structlog.get_logger(__name__)

_NOTE = """
UPDATE django_celery_beat_periodictask p SET last_run_at = now(), total_run_count = p.total_run_count + x.runs,
    enabled = p.enabled AND NOT x.once
FROM (SELECT task, count(*) AS runs, bool_or(once) AS once
      FROM unnest(%(tasks)s::int[], %(once)s::bool[]) AS u(task, once) GROUP BY task) x
WHERE p.id = x.task
"""
_STILL_DUE = """
UPDATE fleet_schedule s SET next_due_at = least(s.next_due_at, x.due_at), enabled = true
FROM (SELECT schedule, min(due) AS due_at
      FROM unnest(%(schedules)s::bigint[], %(dues)s::timestamptz[]) AS u(schedule, due) GROUP BY schedule) x
WHERE s.id = x.schedule
"""


@dataclass(frozen=True)
class Fired:
    """One occurrence that became a run."""

    schedule_id: int
    periodic_task_id: int
    occurrence_id: int
    due_at: datetime
    one_off: bool


def after_commit(fired: Sequence[Fired]) -> None:
    """Send, then keep beat's own columns up to date. Opens a transaction."""
    tasks = PeriodicTask.objects.in_bulk({f.periodic_task_id for f in fired})
    sent: list[Fired] = []
    unsent: list[Fired] = []
    for one in fired:
        task = tasks.get(one.periodic_task_id)
        if task is not None:
            (sent if task.task == OCCURRENCE or _send(task) else unsent).append(one)
    with transaction.atomic():
        _note(sent)
        _still_due(unsent)


def _send(task: PeriodicTask) -> bool:
    try:
        args, kwargs = json.loads(task.args or "[]"), json.loads(task.kwargs or "{}")
        options = _options(task)
    except ValueError:
        # Nothing to wait for: the person who made it must mend it.
        log.error("beat.unreadable_arguments", periodic_task=task.name)
        return True
    return send_plain(task.task, args=args, kwargs=kwargs, options=options)


def _options(task: PeriodicTask) -> Mapping[str, Any]:
    named = {name: getattr(task, name) for name in ("queue", "exchange", "routing_key", "priority")}
    options = {name: value for name, value in named.items() if value is not None}
    if task.expires_:
        options["expires"] = task.expires_
    headers = {**json.loads(task.headers or "{}"), "periodic_task_name": task.name, "celery_beat_task": True}
    return {**options, "headers": headers}


def _note(sent: Sequence[Fired]) -> None:
    """What beat's admin shows; what was to run once is switched off."""
    if sent:
        columns = {"tasks": [f.periodic_task_id for f in sent], "once": [f.one_off for f in sent]}
        execute(_NOTE, columns)


def _still_due(unsent: Sequence[Fired]) -> None:
    if unsent:
        execute("DELETE FROM fleet_occurrence WHERE id = ANY(%(ids)s)", {"ids": [f.occurrence_id for f in unsent]})
        execute(_STILL_DUE, {"schedules": [f.schedule_id for f in unsent], "dues": [f.due_at for f in unsent]})
