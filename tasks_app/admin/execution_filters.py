"""Filters of the execution list. Where no index helps, only the newest `WINDOW` rows are searched, and it says so."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RadioFilter

from tasks_app.domain.states import FINAL, OPEN
from tasks_app.models import Batch, Execution, TaskDefinition, WorkflowRun
from tasks_app.queries import task_types

WINDOW = 50_000
NAMED_AT_MOST = 200


def newest(queryset: QuerySet[Execution]) -> QuerySet[Execution]:
    """Only the newest `WINDOW` executions, so that a rare value does not read the whole history."""
    start: list[datetime] = list(
        Execution.objects.order_by("-created_at", "-id").values_list("created_at", flat=True)[WINDOW : WINDOW + 1]
    )
    return queryset.filter(created_at__gte=start[0]) if start else queryset


class StateFilter(RadioFilter):
    """By state; all but `completed` have an index."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Open states first, in the order of a life."""
        order = ("scheduled", "blocked", "pending", "running", "retrying")
        final = ("completed", "failed", "cancelled", "missed", "skipped")
        assert set(order) | set(final) == OPEN | FINAL
        return [(state, state) for state in (*order, *final)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """One state."""
        state = self.value()
        if not state:
            return queryset
        return (newest(queryset) if state == "completed" else queryset).filter(state=state)


class TypeFilter(RadioFilter):
    """By task type, among the newest."""

    title = "task type (newest 50,000)"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The registered types; no DISTINCT over history."""
        return [(slug, slug) for slug in task_types.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """One type."""
        return newest(queryset).filter(task_type=self.value()) if self.value() else queryset


class CauseFilter(RadioFilter):
    """By what started it, among the newest."""

    title = "cause (newest 50,000)"
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All causes."""
        return [(value, str(label).lower()) for value, label in Execution.Cause.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """One cause."""
        return newest(queryset).filter(cause=self.value()) if self.value() else queryset


def search(queryset: QuerySet[Execution], *, text: str) -> QuerySet[Execution]:
    """An id (of the execution, its task, workflow or batch) finds it wherever it is; a name looks among the newest."""
    try:
        wanted = UUID(text)
    except ValueError:
        named = TaskDefinition.objects.filter(name__icontains=text).values_list("pk", flat=True)[:NAMED_AT_MOST]
        return newest(queryset).filter(definition_id__in=list(named))
    for model, column in ((TaskDefinition, "definition"), (WorkflowRun, "workflow_id"), (Batch, "batch_id")):
        if model._default_manager.filter(pk=wanted).exists():
            return queryset.filter(**{column: wanted})
    return queryset.filter(pk=wanted)
