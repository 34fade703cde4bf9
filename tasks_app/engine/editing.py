"""One edit of a task that exists: what of it changes the head, what makes a new version.

Called by `authoring.update` inside its transaction. Schedules and status are the verbs' of their own modules.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models.functions import Now

from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine import ceilings, edges, enrolling, secret_rights
from tasks_app.engine.contents import content_for
from tasks_app.engine.drafts import Draft, content_of, etag, written
from tasks_app.engine.edges import Wish
from tasks_app.engine.reading import read
from tasks_app.models import DefinitionVersion, TaskDefinition

CHANGED = "Somebody changed this task meanwhile: it is at version {now}. Read it again and repeat your change."


def locked(definition: TaskDefinition, *, expected_version: int | None, expected_etag: str | None) -> TaskDefinition:
    """The row under a lock, with its current version; refused when it is archived or not what the editor saw."""
    row = TaskDefinition.objects.select_for_update(no_key=True).get(pk=definition.pk)
    version = DefinitionVersion.objects.get(pk=row.current_version_id or "")
    row.current_version = version
    if row.status == TaskDefinition.Status.ARCHIVED:
        raise Refused(Code.CONFLICT, "This task is archived and cannot be changed; clone it instead.")
    stale = expected_version is not None and expected_version != version.number
    if stale or (expected_etag is not None and expected_etag != etag(row)):
        message = CHANGED.format(now=version.number)
        raise Refused(Code.CONFLICT, message, fields={"version": [message]})
    return row


def draft_after(row: TaskDefinition, changes: Mapping[str, Any], *, whole: bool) -> Draft:
    """The task as it is to be. A new schedule decides anew whether dependencies trigger, unless that is said."""
    before = {} if whole else written(row)
    if "schedule" in changes:
        before.pop("trigger_on_dependencies", None)
    return read(Draft, {**before, **changes})


def write_head(row: TaskDefinition, draft: Draft) -> None:
    """Name, description and tags; the moment of the edit in any case. Requires a transaction."""
    if draft.name != row.name:
        enrolling.refuse_names([("", draft.name)], owner=row.owner)
    row.name, row.description, row.tags = draft.name, draft.description, list(dict.fromkeys(draft.tags))
    fields = {"name": row.name, "description": row.description, "tags": row.tags}
    with enrolling.names_guarded():
        TaskDefinition.objects.filter(id=row.id).update(**fields, updated_at=Now())


def write_version(row: TaskDefinition, draft: Draft, *, by: User | None) -> None:
    """A new version when the content differs, and its slot rows. Requires a transaction."""
    version = row.current_version
    assert version is not None, "a locked task has its version"
    old = content_of(version)
    new = content_for(draft, known=old)
    if new == old:
        return
    if new["config"] != old["config"]:
        secret_rights.check(new["config"], by=by)
    ceilings.refuse_unlimited_keys({"": new})
    made = DefinitionVersion.objects.create(definition=row, number=version.number + 1, created_by=by, **new)
    TaskDefinition.objects.filter(id=row.id).update(current_version=made)
    ceilings.for_edited(row.id, old=old, new=new)


def write_edges(row: TaskDefinition, draft: Draft, *, by: User | None) -> None:
    """Replace what the task waits for. Requires a transaction and `edges.one_editor_at_a_time`."""
    found = edges.found([Wish(row.id, "", draft.dependencies, "dependencies")], by=by)
    above = edges.above(found)
    edges.refuse_cycles(found, known=above, names={row.id: row.name}, at={row.id: "dependencies"}, by=by)
    edges.write(found, replacing=row.id)


def write_assignees(row: TaskDefinition, draft: Draft) -> None:
    """Replace who is assigned. Requires a transaction."""
    people = enrolling.assignees([("", draft.assignees)])
    row.assignees.set(people.values())
