"""A schedule of a task as rows of django-celery-beat, so that beat's own scheduler and admin know it too.

Each schedule has a PeriodicTask of its own, and that one a crontab, interval or clocked row of its own: never shared,
because beat's schedule rows are foreign keys that thousands may hang on. Called by `scheduling` (writes) and
`rederive` (reads). Rows are locked as beat's editors lock them: schedule row, PeriodicTask, then our schedule.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, models, transaction
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from tasks_app.broker.messages import OCCURRENCE, VERSION
from tasks_app.domain.beatrows import BeatProjection, to_beat
from tasks_app.engine.rows import execute
from tasks_app.engine.timing import Timing
from tasks_app.models import Schedule

MODELS: Mapping[str, type[models.Model]] = {
    "crontab": CrontabSchedule,
    "interval": IntervalSchedule,
    "clocked": ClockedSchedule,
}
ROWS_A_STATEMENT = 2_000
_LINK = """
UPDATE fleet_schedule s SET periodic_task_id = x.task
FROM unnest(%(schedules)s::bigint[], %(tasks)s::int[]) AS x(schedule, task) WHERE s.id = x.schedule
"""


@dataclass(frozen=True)
class Picture:
    """What a PeriodicTask says about time, in comparable values."""

    kind: str
    fields: Mapping[str, Any]
    start_time: datetime | None
    expires: datetime | None


def expected(schedule: Schedule) -> Picture:
    """What the PeriodicTask of this schedule ought to say."""
    projected = _projected(schedule)
    start = schedule.start_at or projected.start_at
    return Picture(projected.kind, dict(projected.fields), start, schedule.end_at)


def read(task: PeriodicTask) -> Picture | None:
    """What a PeriodicTask says; None when it has no schedule, or one of the sun's."""
    for kind, model in MODELS.items():
        row = getattr(task, kind)
        if row is not None:
            names = [field.name for field in model._meta.concrete_fields if not field.primary_key]
            return Picture(kind, {n: _plain(getattr(row, n)) for n in names}, task.start_time, task.expires)
    return None


def create(schedules: Sequence[Schedule], *, active: bool = True) -> None:
    """Give new schedules their rows, in a number of statements that grows with thousands. Requires a transaction."""
    tasks = []
    for kind, model in MODELS.items():
        projected = [(s, p) for s in schedules if (p := _projected(s)).kind == kind]
        made = model._default_manager.bulk_create([_row(p) for _, p in projected], batch_size=ROWS_A_STATEMENT)
        tasks += [_task(s, kind, row, active=active) for (s, _), row in zip(projected, made, strict=True)]
    PeriodicTask.objects.bulk_create(tasks, batch_size=ROWS_A_STATEMENT)
    by_schedule = {json.loads(task.args)[0]["schedule"]: task.pk for task in tasks}
    for schedule in schedules:
        schedule.periodic_task_id = by_schedule[str(schedule.pk)]
    linked = {"schedules": [s.pk for s in schedules], "tasks": [s.periodic_task_id for s in schedules]}
    execute(_LINK, linked)
    _tell_beat()


def change(schedule: Schedule, *, active: bool = True) -> None:
    """Bring the rows of a schedule in line, its own schedule row edited in place where the kind is the same.

    The caller holds the locks of `lock` and afterwards clears `stale_at`. Requires a transaction.
    """
    task = PeriodicTask.objects.get(pk=schedule.periodic_task_id)
    projected, picture = _projected(schedule), expected(schedule)
    old = {kind: getattr(task, f"{kind}_id") for kind in MODELS}
    model = MODELS[projected.kind]
    row = old[projected.kind]
    if row is not None:
        model._default_manager.filter(pk=row).update(**_fields(projected))
    else:
        made = _row(projected)
        model._default_manager.bulk_create([made])
        row = made.pk
    links = {f"{kind}_id": row if kind == projected.kind else None for kind in MODELS}
    PeriodicTask.objects.filter(pk=task.pk).update(
        **links,
        solar_id=None,
        start_time=picture.start_time,
        expires=picture.expires,
        one_off=projected.kind == "clocked",
        enabled=schedule.enabled and active,
        last_run_at=None,
        total_run_count=0,
    )
    for kind, pk in old.items():
        if pk is not None and pk != links[f"{kind}_id"]:
            MODELS[kind]._default_manager.filter(pk=pk, periodictask=None).delete()
    _tell_beat()


def switch(schedules: Sequence[Any], *, on: bool) -> None:
    """Enable or disable the PeriodicTasks of schedules that stay as they are. Requires a transaction."""
    tasks = [s.periodic_task_id for s in schedules if s.periodic_task_id and s.enabled]
    if PeriodicTask.objects.filter(pk__in=tasks).exclude(enabled=on).update(enabled=on):
        _tell_beat()


def lock(schedules: Iterable[Schedule]) -> None:
    """Lock what beat's editors lock first, in their order. Requires a transaction."""
    pks = sorted(s.periodic_task_id for s in schedules if s.periodic_task_id)
    if pks:
        for model in MODELS.values():
            ours = model._default_manager.filter(periodictask__in=pks).order_by("pk")
            list(ours.select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
        list(PeriodicTask.objects.filter(pk__in=pks).order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _projected(schedule: Schedule) -> BeatProjection:
    timing = Timing.of(schedule)
    projected = to_beat(timing.spec, anchor=schedule.anchor)
    assert projected is not None, "a schedule row is never manual"
    return projected


def _fields(projected: BeatProjection) -> dict[str, Any]:
    fields = dict(projected.fields)
    return {**fields, "timezone": ZoneInfo(fields["timezone"])} if projected.kind == "crontab" else fields


def _row(projected: BeatProjection) -> models.Model:
    return MODELS[projected.kind](**_fields(projected))


def _plain(value: Any) -> Any:
    return value.key if isinstance(value, ZoneInfo) else value


def _task(schedule: Schedule, kind: str, row: models.Model, *, active: bool) -> PeriodicTask:
    picture = expected(schedule)
    return PeriodicTask(
        name=f"taskfleet schedule {schedule.pk}",
        task=OCCURRENCE,
        args=json.dumps([{"v": VERSION, "schedule": str(schedule.pk)}]),
        description=f"When task {schedule.definition_id} is due. Written by Taskfleet; an edit here is taken over.",
        start_time=picture.start_time,
        expires=picture.expires,
        one_off=kind == "clocked",
        enabled=schedule.enabled and active,
        **{kind: row},
    )


def _tell_beat() -> None:
    """Make beat's own scheduler reread. After the commit: the row is one for all, and every editor waits for it."""
    if not any(call[1] is PeriodicTasks.update_changed for call in connection.run_on_commit):
        transaction.on_commit(PeriodicTasks.update_changed, robust=True)
