"""A task's schedule is set, changed, removed, suspended and resumed here; its rows in beat's tables follow.

Called by authoring and control. What was due before a change and did not run is recorded, never silently dropped; from
the change on only the new rule counts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine import due, ledger, projection, timing
from tasks_app.engine.clock import database_now
from tasks_app.engine.rederive import EDITED
from tasks_app.engine.rows import execute, rows
from tasks_app.engine.schedule_wish import Wish
from tasks_app.engine.timing import Timing
from tasks_app.models import Schedule, TaskDefinition

PAUSED = "not run before its task was paused"
_DEFINITIONS = "SELECT id, status FROM fleet_definition WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE"
_RESUME = """
UPDATE fleet_schedule s SET next_due_at = x.due
FROM unnest(%(ids)s::bigint[], %(dues)s::timestamptz[]) AS x(id, due) WHERE s.id = x.id
"""


def set_schedule(definition: TaskDefinition, **fields: Any) -> Schedule | None:
    """Give a task the schedule that a `Wish` of these fields describes; a manual one removes it.

    Raises Refused. Opens a transaction.
    """
    return set_schedules([Wish(definition_id=definition.pk, **fields)])[0]


def set_schedules(wishes: Sequence[Wish]) -> list[Schedule | None]:
    """The same for many tasks, in a number of statements that does not grow with new ones. Opens a transaction."""
    with transaction.atomic():
        now = database_now()
        active = _active([wish.definition_id for wish in wishes])
        existing = _existing([wish.definition_id for wish in wishes])
        wanted = {wish.definition_id: wish for wish in wishes if not wish.manual}
        _remove([row for key, row in existing.items() if key not in wanted], now=now)
        new = [w.schedule(now=now, active=active[key]) for key, w in wanted.items() if key not in existing]
        made = {schedule.definition_id: schedule for schedule in _create(new, active)}
        for key, row in existing.items():
            if key in wanted:
                made[key] = _change(row, wanted[key], now=now, active=active[key])
    return [made.get(wish.definition_id) for wish in wishes]


def suspend(definition: TaskDefinition) -> None:
    """Nothing is due while a task is paused or archived, and nothing of that time is missed. Opens a transaction."""
    with transaction.atomic():
        now = database_now()
        found = _locked([definition.pk])
        _record_passed(found, now=now, reason=PAUSED)
        projection.switch(found, on=False)
        execute("UPDATE fleet_schedule SET next_due_at = NULL WHERE id = ANY(%(ids)s)", {"ids": [r.id for r in found]})


def resume(definition: TaskDefinition) -> None:
    """Due again from now on. Opens a transaction."""
    with transaction.atomic():
        now = database_now()
        found = [row for row in _locked([definition.pk]) if row.enabled and row.text]
        projection.switch(found, on=True)
        dues = [Timing.of(row).next_after(now) for row in found]
        execute(_RESUME, {"ids": [row.id for row in found], "dues": dues})


def _active(definitions: Sequence[UUID]) -> dict[UUID, bool]:
    """Which tasks are active; locked, so that two editors of one task follow each other."""
    found = {row.id: row.status == TaskDefinition.Status.ACTIVE for row in rows(_DEFINITIONS, {"ids": definitions})}
    if len(found) < len(set(definitions)):
        raise Refused(Code.NOT_FOUND, "A task to schedule does not exist any more.")
    return found


def _existing(definitions: Sequence[UUID]) -> dict[UUID, Any]:
    return {row.definition_id: row for row in reversed(_locked(definitions))}


def _locked(definitions: Sequence[UUID]) -> list[Any]:
    projection.lock(Schedule.objects.filter(definition_id__in=definitions))
    return due.locked("s.definition_id = ANY(%(ids)s) ORDER BY s.id", {"ids": definitions}, skip_locked=False)


def _record_passed(found: Sequence[Any], *, now: datetime, reason: str) -> None:
    """What was due until now and no tick has seen."""
    late = [row for row in found if row.next_due_at is not None and row.next_due_at <= now]
    ledger.write([(row, timing.plan(row, now=now, reason=reason)) for row in late], now=now)


def _remove(found: Sequence[Any], *, now: datetime) -> None:
    """The database takes the projection with the row."""
    if found:
        _record_passed(found, now=now, reason=EDITED)
        execute("DELETE FROM fleet_schedule WHERE id = ANY(%(ids)s)", {"ids": [row.id for row in found]})


def _create(new: Sequence[Schedule], active: Mapping[Any, bool]) -> list[Schedule]:
    made = Schedule.objects.bulk_create(new, batch_size=projection.ROWS_A_STATEMENT)
    for on in (True, False):
        if some := [schedule for schedule in made if active[schedule.definition_id] is on]:
            projection.create(some, active=on)
    return made


def _change(row: Any, wish: Wish, *, now: datetime, active: bool) -> Schedule:
    """Policies are simply written; another time counts from now on."""
    schedule = wish.schedule(now=now, active=active, before=row)
    schedule.pk, schedule.periodic_task_id = row.id, row.periodic_task_id
    if (Timing.of(schedule), schedule.enabled) != (Timing.of(row), row.enabled):
        _record_passed([row], now=now, reason=EDITED)
    if schedule.periodic_task_id is None:
        projection.create([schedule], active=active)
    else:
        projection.change(schedule, active=active)
    # Last, over the marks that our own writes in beat's tables have just made.
    schedule.save(force_update=True, update_fields=[*wish.WRITTEN, "next_due_at", "anchor", "stale_at", "error"])
    return schedule
