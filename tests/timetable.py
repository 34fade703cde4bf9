"""Schedules that are already due, as after an outage: the row says when its next instant was, and nobody ticked."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tasks_app.engine import scheduling
from tasks_app.engine.clock import database_now
from tasks_app.models import Execution, Occurrence, Schedule, TaskDefinition


def minute(*, ago: int = 0) -> datetime:
    """The whole minute that many minutes before the running one."""
    return database_now().astimezone(UTC).replace(second=0, microsecond=0) - timedelta(minutes=ago)


def scheduled(
    definition: TaskDefinition, text: str = "* * * * *", *, due: datetime | None = None, **fields: Any
) -> Schedule:
    """A schedule of the task whose next instant is `due`, though that may be past."""
    schedule = scheduling.set_schedule(definition, text=text, **fields)
    assert schedule is not None
    if due is not None:
        Schedule.objects.filter(pk=schedule.pk).update(next_due_at=due)
        if schedule.anchor is not None:
            Schedule.objects.filter(pk=schedule.pk).update(anchor=due)
    schedule.refresh_from_db()
    return schedule


def ledger(schedule: Schedule) -> list[tuple[str, datetime, int]]:
    """(outcome, due, count) in order."""
    found = Occurrence.objects.filter(schedule_id=schedule.pk).order_by("due_at")
    return list(found.values_list("outcome", "due_at", "count"))


def executions(definition: TaskDefinition) -> list[tuple[str, str, datetime | None]]:
    """(state, cause, due) in order of what was due."""
    found = Execution.objects.filter(definition=definition).order_by("due_at")
    return list(found.values_list("state", "cause", "due_at"))
