"""New tasks as rows: many at once, in a number of statements that does not grow with each of them.

Called by `authoring.create_many` with drafts that were read and judged. No rule about content stands here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine.drafts import Draft
from tasks_app.engine.inserting import ROWS_A_STATEMENT, insert
from tasks_app.engine.reading import path, refused
from tasks_app.models import DefinitionHead, DefinitionVersion, TaskDefinition
from tasks_app.models.fields import new_id

NAME_TAKEN = "You have a task with this name already; choose another name."


@dataclass(frozen=True)
class Entry:
    """A draft on its way into the tables; `at` is its path in what the caller sent."""

    draft: Draft
    content: Mapping[str, Any]
    at: str = ""
    id: UUID = field(default_factory=new_id)


def enrol(entries: Sequence[Entry], *, by: User | None) -> list[TaskDefinition]:
    """Insert heads, first versions and assignees. Requires a transaction."""
    refuse_names([(entry.at, entry.draft.name) for entry in entries], owner=by)
    people = assignees((entry.at, entry.draft.assignees) for entry in entries)
    # A head names its version, whose row follows: the constraint is checked at the end.
    versions = {entry.id: new_id() for entry in entries}
    with names_guarded():
        insert(TaskDefinition, [_head(entry, versions[entry.id], by) for entry in entries])
    insert(DefinitionVersion, [_first_version(entry, versions[entry.id], by) for entry in entries])
    insert(DefinitionHead, [{"definition_id": entry.id} for entry in entries])
    assign({entry.id: [people[name] for name in entry.draft.assignees] for entry in entries})
    written = TaskDefinition.objects.select_related("current_version").in_bulk([entry.id for entry in entries])
    return [written[entry.id] for entry in entries]


def _head(entry: Entry, version_id: UUID, by: User | None) -> dict[str, Any]:
    draft = entry.draft
    return {
        "id": entry.id,
        "name": draft.name,
        "description": draft.description,
        "status": draft.status,
        "tags": list(dict.fromkeys(draft.tags)),
        "owner_id": by.pk if by else None,
        "current_version_id": version_id,
    }


def _first_version(entry: Entry, version_id: UUID, by: User | None) -> dict[str, Any]:
    head = {"id": version_id, "definition_id": entry.id, "number": 1, "created_by_id": by.pk if by else None}
    return {**head, **entry.content}


def refuse_names(wishes: Sequence[tuple[str, str]], *, owner: User | None) -> None:
    """Refuse names given twice here, and names the owner uses already."""
    twice = {name for name, count in Counter(name for _, name in wishes).items() if count > 1}
    live = TaskDefinition.objects.filter(owner=owner).exclude(status=TaskDefinition.Status.ARCHIVED)
    used = set(live.filter(name__in=[name for _, name in wishes]).values_list("name", flat=True))
    repeated = {path(at, "name"): ["This name is given twice here."] for at, name in wishes if name in twice}
    if repeated:
        raise refused(repeated)
    taken = {path(at, "name"): [NAME_TAKEN] for at, name in wishes if name in used}
    if taken:
        raise Refused(Code.CONFLICT, NAME_TAKEN, fields=taken)


@contextmanager
def names_guarded() -> Iterator[None]:
    """Turns the loss of a race for a name into the same refusal. Opens a transaction."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as exc:
        if "name_once" not in str(exc):
            raise
        raise Refused(Code.CONFLICT, NAME_TAKEN, fields={"name": [NAME_TAKEN]}) from None


def assignees(wishes: Iterable[tuple[str, Sequence[str]]]) -> dict[str, int]:
    """The ids of the people named; `Refused` names those who do not exist."""
    asked = [(path(at, "assignees", index), name) for at, names in wishes for index, name in enumerate(names)]
    if not asked:
        return {}
    rows = User.objects.filter(username__in={name for _, name in asked}, is_active=True)
    people = dict(rows.values_list("username", "id"))
    strangers = {at: ["There is no user with this name."] for at, name in asked if name not in people}
    if strangers:
        raise refused(strangers)
    return people


def assign(people: Mapping[UUID, Sequence[int]]) -> None:
    """Write who is assigned to tasks that have nobody yet."""
    through = TaskDefinition.assignees.through
    rows = [through(taskdefinition_id=id_, user_id=user) for id_, users in people.items() for user in set(users)]
    if rows:
        through._default_manager.bulk_create(rows, batch_size=ROWS_A_STATEMENT)
