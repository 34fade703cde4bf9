"""Tasks are written here: created one by one or many at once, edited into a new version, cloned, archived.

Called by the API, the admin, templates and the SDK. A wish that cannot be granted raises `Refused` with field paths
and changes nothing. No execution is started here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from tasks_app.domain.refusals import Refused
from tasks_app.domain.states import OPEN
from tasks_app.engine import ceilings, control, edges, editing, enrolling, scheduling
from tasks_app.engine.clock import once_more
from tasks_app.engine.contents import content_for
from tasks_app.engine.drafts import Draft, ScheduleDraft, written
from tasks_app.engine.edges import Wish
from tasks_app.engine.enrolling import Entry
from tasks_app.engine.reading import path, read, refused
from tasks_app.models import Dependency, Execution, Schedule, TaskDefinition


def create(draft: Draft | Mapping[str, Any], *, by: User | None = None) -> TaskDefinition:
    """Write one task, owned by `by`. Opens a transaction."""
    return _create([("", draft)], by=by)[0]


def create_many(drafts: Sequence[Draft | Mapping[str, Any]], *, by: User | None = None) -> list[TaskDefinition]:
    """Write tasks that may depend on each other by name: all of them or, naming what is wrong, none.

    Field paths begin with `tasks.N`. Opens a transaction.
    """
    return _create([(f"tasks.{index}", draft) for index, draft in enumerate(drafts)], by=by)


@once_more
def update(
    definition: TaskDefinition,
    changes: Mapping[str, Any],
    *,
    by: User | None = None,
    whole: bool = False,
    expected_version: int | None = None,
    expected_etag: str | None = None,
) -> TaskDefinition:
    """Edit a task. Changed content becomes a new version; executions that exist keep theirs.

    `whole`: absent fields fall back to their defaults. `expected_version`, `expected_etag`: refuse when somebody else
    has changed it since. Opens a transaction.
    """
    with transaction.atomic():
        row = editing.locked(definition, expected_version=expected_version, expected_etag=expected_etag)
        draft = editing.draft_after(row, changes, whole=whole)
        editing.write_head(row, draft)
        editing.write_version(row, draft, by=by)
        if whole or "dependencies" in changes:
            editing.write_edges(row, draft, by=by)
        if whole or "assignees" in changes:
            editing.write_assignees(row, draft)
        if whole or "schedule" in changes:
            _set_schedule(row, draft.schedule, at="")
        if "status" in changes and draft.status != row.status:
            (control.pause if draft.status == "paused" else control.resume)(row, by=by)
    return TaskDefinition.objects.select_related("current_version").get(id=row.id)


@once_more
def archive(definition: TaskDefinition, *, by: User | None = None) -> None:
    """Put a task away: its schedule stops, what waits or runs of it is cancelled, its history stays.

    Opens a transaction.
    """
    with transaction.atomic():
        row = TaskDefinition.objects.select_for_update().get(id=definition.id)
        if row.status == TaskDefinition.Status.ARCHIVED:
            return
        TaskDefinition.objects.filter(id=row.id).update(status=TaskDefinition.Status.ARCHIVED, updated_at=Now())
        scheduling.suspend(row)
        under_way = Execution.objects.filter(definition=row, state__in=sorted(OPEN)).values_list("id", flat=True)
        control.cancel(list(under_way), by=by, reason="the task was archived")


def clone(definition: TaskDefinition, *, by: User | None = None, name: str) -> TaskDefinition:
    """The same task again under another name, owned by `by`: paused, so that nothing runs twice by surprise.

    Opens a transaction.
    """
    source = TaskDefinition.objects.select_related("current_version").get(id=definition.id)
    edges_in = Dependency.objects.filter(downstream=source).values("upstream_id", "condition", "expression", "delay_ms")
    dependencies = [{"task": str(edge.pop("upstream_id")), **edge} for edge in map(dict, edges_in)]
    copy = {**written(source), "name": name, "status": "paused", "dependencies": dependencies}
    schedule = Schedule.objects.filter(definition=source).first()
    if schedule is not None:
        copy["schedule"] = {field: getattr(schedule, field) for field in ScheduleDraft.model_fields}
    return create(copy, by=by)


@once_more
def _create(drafts: Sequence[tuple[str, Draft | Mapping[str, Any]]], *, by: User | None) -> list[TaskDefinition]:
    entries = _judged(drafts)
    with transaction.atomic():
        ceilings.refuse_unlimited_keys({entry.at: entry.content for entry in entries})
        definitions = enrolling.enrol(entries, by=by)
        _connect(entries, by=by)
        ceilings.for_new({entry.id: entry.content for entry in entries})
        for entry, definition in zip(entries, definitions, strict=True):
            if entry.draft.schedule is not None:
                _set_schedule(definition, entry.draft.schedule, at=entry.at)
    return definitions


def _judged(drafts: Sequence[tuple[str, Draft | Mapping[str, Any]]]) -> list[Entry]:
    """Every draft read and judged; the complaints about all of them together."""
    entries: list[Entry] = []
    problems: dict[str, list[str]] = {}
    for at, raw in drafts:
        try:
            draft = read(Draft, raw, at=at)
            entries.append(Entry(draft, content_for(draft, at=at), at))
        except Refused as no:
            problems |= no.fields
    if problems:
        raise refused(problems)
    return entries


def _connect(entries: Sequence[Entry], *, by: User | None) -> None:
    """Edges of new tasks. Nothing that exists waits for them yet, so only they can wait for each other."""
    wishes = [Wish(e.id, e.draft.name, e.draft.dependencies, path(e.at, "dependencies")) for e in entries]
    found = edges.found(wishes, by=by)
    if found:
        names = {wish.downstream_id: wish.name for wish in wishes}
        edges.refuse_cycles(found, known=(), names=names, at={w.downstream_id: w.at for w in wishes}, by=by)
        edges.write(found)


def _set_schedule(definition: TaskDefinition, draft: ScheduleDraft | None, *, at: str) -> None:
    """Hand the schedule to its verb; the fields it complains about get their full path."""
    given = {} if draft is None else draft.model_dump(exclude_unset=True)
    try:
        scheduling.set_schedule(definition, **{"text": None, **given})
    except Refused as no:
        fields = {path(at, field): messages for field, messages in no.fields.items()}
        raise Refused(no.code, no.message, fields=fields) from None
    if definition.status == TaskDefinition.Status.PAUSED:
        scheduling.suspend(definition)
