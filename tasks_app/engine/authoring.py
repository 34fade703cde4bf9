"""Tasks are written here: created one by one or many at once, edited into a new version, cloned, archived.

Called by the API, the admin, templates and the SDK. A wish that cannot be granted raises `Refused` with field paths
and changes nothing. No execution is started here.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from tasks_app.domain.refusals import Code, Refused
from tasks_app.domain.states import OPEN
from tasks_app.engine import ceilings, control, edges, editing, enrolling, schedule_wish, scheduling, secret_rights
from tasks_app.engine.clock import once_more
from tasks_app.engine.contents import content_for
from tasks_app.engine.drafts import DependencyDraft, Draft, ScheduleDraft, written
from tasks_app.engine.edges import Wish
from tasks_app.engine.enrolling import Entry
from tasks_app.engine.reading import path, read, refused
from tasks_app.models import Dependency, Execution, Schedule, TaskDefinition

EDGE_EXISTS = "This edge exists already; delete it to write it anew."


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
        if whole or "dependencies" in changes:
            edges.one_editor_at_a_time()
        row = editing.locked(definition, expected_version=expected_version, expected_etag=expected_etag)
        draft = editing.draft_after(row, changes, whole=whole)
        editing.write_head(row, draft)
        editing.write_version(row, draft, by=by)
        if whole or "dependencies" in changes:
            editing.write_edges(row, draft, by=by)
        if whole or "assignees" in changes:
            editing.write_assignees(row, draft)
        if whole or "schedule" in changes:
            scheduling.set_schedules([_wish(row.id, draft.schedule)])
        if "status" in changes and draft.status != row.status:
            (control.pause if draft.status == "paused" else control.resume)(row, by=by)
    return TaskDefinition.objects.select_related("current_version").get(id=row.id)


@once_more
def archive(definition: TaskDefinition, *, by: User | None = None) -> None:
    """Put a task away: its schedule stops, what waits or runs of it is cancelled, its history stays.

    Opens a transaction.
    """
    with transaction.atomic():
        row = TaskDefinition.objects.select_for_update(no_key=True).get(pk=definition.pk)
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
def add_dependency(downstream: TaskDefinition, draft: Mapping[str, Any], *, by: User | None = None) -> Dependency:
    """One more edge into a task. Opens a transaction."""
    edge = read(DependencyDraft, draft)
    with transaction.atomic():
        edges.one_editor_at_a_time()
        row = editing.locked(downstream, expected_version=None, expected_etag=None)
        made = edges.found([Wish(row.id, "", [edge], "upstream")], by=by)[0]
        if Dependency.objects.filter(upstream_id=made.upstream_id, downstream=row).exists():
            raise Refused(
                Code.CONFLICT, "This edge exists already.", fields={"upstream": ["This edge exists already."]}
            )
        edges.refuse_cycles([made], known=edges.above([made]), names={row.id: row.name}, at={row.id: "upstream"}, by=by)
        made.save(force_insert=True)
        TaskDefinition.objects.filter(id=row.id).update(updated_at=Now())
    return made


def remove_dependency(edge: Dependency, *, by: User | None = None) -> None:
    """Take an edge away. Opens a transaction."""
    with transaction.atomic():
        edge.delete()
        TaskDefinition.objects.filter(id=edge.downstream_id).update(updated_at=Now())


@once_more
def _create(drafts: Sequence[tuple[str, Draft | Mapping[str, Any]]], *, by: User | None) -> list[TaskDefinition]:
    entries = _judged(drafts, by=by)
    with transaction.atomic():
        ceilings.refuse_unlimited_keys({entry.at: entry.content for entry in entries})
        definitions = enrolling.enrol(entries, by=by)
        _connect(entries, by=by)
        ceilings.for_new({entry.id: entry.content for entry in entries})
        _schedule(entries)
    return definitions


def _judged(drafts: Sequence[tuple[str, Draft | Mapping[str, Any]]], *, by: User | None) -> list[Entry]:
    """Every draft read and judged; the complaints about all of them together."""
    entries: list[Entry] = []
    problems: dict[str, list[str]] = {}
    for at, raw in drafts:
        try:
            draft = read(Draft, raw, at=at)
            content = content_for(draft, at=at)
            secret_rights.check(content["config"], by=by, at=path(at, "config"))
            entries.append(Entry(draft, content, at))
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


def _schedule(entries: Sequence[Entry]) -> None:
    """Schedules of new tasks, with the complaints about all of them together."""
    wishes: list[schedule_wish.Wish] = []
    problems: dict[str, list[str]] = {}
    for entry in entries:
        if entry.draft.schedule is not None:
            try:
                wishes.append(_wish(entry.id, entry.draft.schedule, at=entry.at))
            except Refused as no:
                problems |= no.fields
    if problems:
        raise refused(problems)
    if wishes:
        scheduling.set_schedules(wishes)


def _wish(definition_id: UUID, draft: ScheduleDraft | None, *, at: str = "") -> schedule_wish.Wish:
    given = {"text": None} if draft is None else draft.model_dump(exclude_unset=True)
    return schedule_wish.Wish(definition_id=definition_id, at=at, **given)
