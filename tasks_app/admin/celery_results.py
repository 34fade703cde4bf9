"""django-celery-results' tables in the admin's look: message-level results, which may be as many as executions.

No count of the table, no date hierarchy, no filter that lists distinct values, no LIKE over arguments.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_celery_results.models import GroupResult, TaskResult
from unfold.contrib.filters.admin import RadioFilter

from tasks_app.admin import words
from tasks_app.admin.fleet import ReadOnlyAdmin

admin.site.unregister(TaskResult)
admin.site.unregister(GroupResult)
STATES = ("PENDING", "RECEIVED", "STARTED", "SUCCESS", "FAILURE", "RETRY", "REVOKED")


class StatusFilter(RadioFilter):
    """By Celery's state, which has an index."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Celery's states."""
        return [(state, state) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TaskResult]) -> QuerySet[TaskResult]:
        """One state."""
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(TaskResult)
class TaskResultAdmin(ReadOnlyAdmin):
    """What one Celery message brought."""

    list_display = ("task_id", "task_name", "shown_status", "worker", "created", "took")
    list_filter = (StatusFilter,)
    search_fields = ("task_id",)
    search_help_text = "the whole id of a Celery task, or its whole name"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("task_id", "task_name", "periodic_task_name", "status", "worker")}),
        ("Times", {"fields": ("date_created", "date_started", "date_done")}),
        ("Called with", {"fields": ("task_args", "task_kwargs")}),
        ("Result", {"fields": ("result", "traceback", "meta")}),
    )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Whole values only: both columns have an index."""
        text = search_term.strip()
        if not text:
            return queryset, False
        by_id = queryset.filter(task_id=text)
        return (by_id if by_id.exists() else queryset.filter(task_name=text)), False

    @admin.display(description="status")
    def shown_status(self, row: Any) -> SafeString | str:
        """Celery's word in its colour."""
        return words.badge(row.status)

    @admin.display(description="created")
    def created(self, row: Any) -> SafeString | str:
        """Relative, exact on hover."""
        return words.when(row.date_created)

    @admin.display(description="took")
    def took(self, row: Any) -> str:
        """From the start to the end, where a start was told."""
        return words.between(row.date_started, row.date_done)


@admin.register(GroupResult)
class GroupResultAdmin(ReadOnlyAdmin):
    """What a group of Celery messages brought."""

    list_display = ("group_id", "created")
    search_fields = ("group_id",)
    ordering = ("-id",)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """A whole id only."""
        text = search_term.strip()
        return (queryset.filter(group_id=text) if text else queryset), False

    @admin.display(description="created")
    def created(self, row: Any) -> SafeString | str:
        """Relative, exact on hover."""
        return words.when(row.date_created)
