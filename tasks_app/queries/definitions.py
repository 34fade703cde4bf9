"""Tasks as people look at them: with version, owner, schedule, edges and last run, in a fixed number of statements."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Q, QuerySet

from tasks_app.models import DefinitionVersion, Dependency, Schedule, TaskDefinition
from tasks_app.models.visibility import Person, user_id
from tasks_app.queries import visible


def shown(user: Person) -> QuerySet[TaskDefinition]:
    """The tasks somebody may see, with everything their page shows."""
    rows = visible.definitions(user).select_related("owner", "current_version", "head")
    return rows.prefetch_related("assignees", "schedules", "upstream_edges")


def with_status(rows: QuerySet[TaskDefinition], wanted: list[str]) -> QuerySet[TaskDefinition]:
    """Of these states; archived tasks only when they are asked for."""
    return rows.filter(status__in=wanted) if wanted else rows.exclude(status=TaskDefinition.Status.ARCHIVED)


def matching(rows: QuerySet[TaskDefinition], text: str) -> QuerySet[TaskDefinition]:
    """Those with the text in name or description."""
    return rows.filter(Q(name__icontains=text) | Q(description__icontains=text))


def tagged(rows: QuerySet[TaskDefinition], tag: str) -> QuerySet[TaskDefinition]:
    """Those that carry the tag."""
    return rows.filter(tags__contains=[tag])


def owned(rows: QuerySet[TaskDefinition], user: Person) -> QuerySet[TaskDefinition]:
    """Somebody's own, without those they are only assigned to."""
    return rows.filter(owner_id=user_id(user))


def edges(user: Person) -> QuerySet[Dependency]:
    """The edges somebody may see, with the names of both ends."""
    return visible.dependencies(user).select_related("upstream", "downstream")


def schedules(user: Person) -> QuerySet[Schedule]:
    """The schedules somebody may see, with the names their lines show."""
    return visible.schedules(user).select_related("definition", "periodic_task")


def edges_of(rows: QuerySet[Dependency], definition_id: object) -> QuerySet[Dependency]:
    """Edges into and out of one task."""
    return rows.filter(Q(upstream_id=definition_id) | Q(downstream_id=definition_id))


def versions(definition: TaskDefinition) -> QuerySet[DefinitionVersion]:
    """The versions of a task."""
    return definition.versions.select_related("created_by")


def invisible(user: Person, ids: Iterable[UUID]) -> list[UUID]:
    """Those of these ids that somebody may not see, or that are archived."""
    wanted = set(ids)
    live = visible.definitions(user).exclude(status=TaskDefinition.Status.ARCHIVED)
    seen = set(live.filter(id__in=wanted).values_list("id", flat=True))
    return sorted(wanted - seen)


def all_of(user: Person, ids: Sequence[UUID]) -> list[TaskDefinition]:
    """The tasks with these ids, in their order, with their versions; those somebody may not see are left out."""
    rows = visible.definitions(user).select_related("current_version").filter(id__in=set(ids))
    known = {row.pk: row for row in rows}
    return [known[id_] for id_ in dict.fromkeys(ids) if id_ in known]
