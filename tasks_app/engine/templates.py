"""Templates: the built-in ones brought into the table, and any of them adopted as somebody's task.

Called by the management command, the API and the admin. What the built-in ones say stands in `templates_library/`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from tasks_app.engine import authoring
from tasks_app.engine.reading import mapping, refused
from tasks_app.models import TaskDefinition, Template

_FIELDS = ["name", "description", "category", "task_type", "content", "required", "version"]


@dataclass(frozen=True)
class Synced:
    """What a sync did; `taken` are slugs that somebody's own template holds."""

    written: int
    removed: int
    taken: tuple[str, ...]


def sync(built_in: Sequence[Mapping[str, Any]]) -> Synced:
    """Bring the table in line with the library: insert, update, remove; people's own templates are left alone.

    Opens a transaction.
    """
    with transaction.atomic():
        slugs = [entry["slug"] for entry in built_in]
        taken = set(Template.objects.filter(slug__in=slugs, built_in=False).values_list("slug", flat=True))
        rows = [
            Template(built_in=True, visibility=Template.Visibility.PUBLIC, updated_at=Now(), **entry)
            for entry in built_in
            if entry["slug"] not in taken
        ]
        Template.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["slug"], update_fields=[*_FIELDS, "updated_at"]
        )
        gone, _ = Template.objects.filter(built_in=True).exclude(slug__in=slugs).delete()
    return Synced(len(rows), gone, tuple(sorted(taken)))


def adopt(template: Template, given: Any, *, by: User | None = None) -> TaskDefinition:
    """A task from a template: `given` are fields of a task as sent; its config is laid over the template's.

    Opens a transaction.
    """
    given = mapping(given)
    config = given.get("config", {})
    own = template.content.get("config", {})
    if isinstance(config, Mapping):
        missing = [name for name in template.required if config.get(name) in (None, "")]
        if missing:
            raise refused({f"config.{name}": ["This template needs it from you."] for name in missing})
        config = {**own, **config}
    content = {"name": template.name, "description": template.description, **template.content}
    return authoring.create({**content, "task_type": template.task_type, **given, "config": config}, by=by)
