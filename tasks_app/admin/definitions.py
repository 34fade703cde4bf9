"""Tasks: the list, the form, and what stands below it. Every edit goes through authoring."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from tasks_app.admin import definition_extras
from tasks_app.admin.definition_actions import DefinitionActions
from tasks_app.admin.definition_columns import FILTERS, DefinitionColumns, WithOutcomes
from tasks_app.admin.definition_form import DefinitionForm
from tasks_app.admin.dependency_inline import DependencyInline, Edit
from tasks_app.admin.fleet import FleetAdmin
from tasks_app.admin.reply import person
from tasks_app.models import TaskDefinition

CONTENT = (
    (None, {"fields": (("name", "task_type"), "description", "tags", "config", "version")}),
    ("When", {"fields": (("schedule", "timezone"), ("catch_up", "overlap"), "start_at", "end_at")}),
    (
        "Running",
        {
            "classes": ["tab"],
            "fields": (
                ("pool", "priority"),
                ("timeout_seconds", "start_by_seconds"),
                ("idempotent", "max_concurrent"),
                ("concurrency_key", "concurrency_limit"),
            ),
        },
    ),
    (
        "Retries",
        {
            "classes": ["tab"],
            "fields": (
                ("max_retries", "backoff_multiplier"),
                ("initial_delay_ms", "max_delay_ms"),
                "jitter",
                "retry_conditions",
            ),
        },
    ),
    (
        "Dependencies",
        {"classes": ["tab"], "fields": (("dependency_mode", "trigger_on_dependencies"), "dependency_timeout_seconds")},
    ),
    ("People", {"classes": ["tab"], "fields": ("assignees",)}),
)
FACTS = ((None, {"fields": ("name", "description", "tags")}),)


@admin.register(TaskDefinition)
class DefinitionAdmin(DefinitionActions, DefinitionColumns, FleetAdmin):
    """A user's named, configured wish."""

    form = DefinitionForm
    inlines = (DependencyInline,)
    fieldsets = CONTENT
    autocomplete_fields = ("assignees",)
    list_display = (
        "named",
        "shown_status",
        "task_type",
        "schedule_in_words",
        "next_run",
        "last_run",
        "lately",
    )
    list_filter = FILTERS
    ordering = ("name", "id")
    sortable_by = ("named",)
    search_fields = ("name", "description")
    search_help_text = "part of the name or description"
    change_form_template = "taskfleet/definition.html"
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskDefinition]:
        """With what the columns show."""
        rows = super().get_queryset(request).select_related("current_version", "head")
        return rows.prefetch_related("schedules")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Archived tasks are not offered where a task is chosen."""
        found, twice = super().get_search_results(request, queryset, search_term)
        chosen = request.path.endswith("/autocomplete/")
        return (found.exclude(status=TaskDefinition.Status.ARCHIVED) if chosen else found), twice

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[WithOutcomes]:
        """With the sparklines."""
        return WithOutcomes

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tasks are archived."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An archived task is history."""
        archived = isinstance(obj, TaskDefinition) and obj.status == TaskDefinition.Status.ARCHIVED
        return super().has_change_permission(request, obj) and not archived

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may not edit sees facts instead of a form."""
        editable = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return (
            super().get_fieldsets(request, obj) if editable else ((None, {"fields": ("name", "description", "tags")}),)
        )

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Edges are edited together with the task only."""
        editable = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return self.inlines if editable else ()

    def save_form(self, request: HttpRequest, form: DefinitionForm, change: bool) -> Any:
        """Remember the form at the instance: the edges' form set hands both to authoring."""
        task = super().save_form(request, form, change)
        task.edit = Edit(form, by=person(request))
        return task

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Authoring has written it already; take over its id."""
        assert obj.edit.task is not None, "authoring refused or was not asked"
        obj.pk, obj._state.adding = obj.edit.task.pk, False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Authoring has written edges and assignees already."""

    def get_urls(self) -> list[URLPattern]:
        """The two helping panels of the form."""
        view = self.admin_site.admin_view
        own = [
            path("preview/", view(definition_extras.preview), name="schedule-preview"),
            path("schema/", view(definition_extras.schema), name="config-schema"),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With runs, versions and dependents below the form."""
        found = self.get_object(request, object_id) if request.method == "GET" else None
        extra = {"below": definition_extras.below(found)} if found is not None else {}
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})
