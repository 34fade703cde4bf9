"""The kinds of task there are: what each is for, its config's JSON Schema, and who can run it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from executors import registry
from tasks_app.queries import workers


@dataclass(frozen=True)
class TaskType:
    """One kind of task. Where its extra is missing, `reason` says so and the rest is empty."""

    task_type: str
    title: str
    description: str
    category: str
    pool: str
    timeout_seconds: float | None
    idempotent: bool | None
    schema: Mapping[str, Any] | None
    available_here: bool
    reason: str
    workers: int


def all_types(*, fresh_for: timedelta) -> list[TaskType]:
    """Every known kind. One statement."""
    able = workers.able(fresh_for=fresh_for)
    return [_described(slug, able.get(slug, 0)) for slug in registry.all_types()]


def names() -> tuple[str, ...]:
    """Every known kind by its slug. No statement."""
    return registry.all_types()


def one(task_type: str, *, fresh_for: timedelta) -> TaskType | None:
    """A kind by any spelling of its name."""
    try:
        slug = registry.slug_of(task_type)
    except registry.UnknownTaskType:
        return None
    return _described(slug, workers.able(fresh_for=fresh_for).get(slug, 0))


def _described(slug: str, able: int) -> TaskType:
    try:
        executor = registry.get(slug)
    except registry.TaskTypeUnavailable as exc:
        return TaskType(slug, slug, "", "", "", None, None, None, False, exc.reason, able)
    return TaskType(
        slug,
        executor.title,
        executor.description,
        executor.category,
        executor.pool,
        executor.timeout.total_seconds(),
        executor.idempotent,
        executor.config_schema(),
        True,
        "",
        able,
    )
