"""Executions: the list and the page of one. Read-only but for the verbs cancel and retry."""

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString

from tasks_app.admin import execution_page, words
from tasks_app.admin.execution_actions import ExecutionActions
from tasks_app.admin.execution_filters import CauseFilter, StateFilter, TypeFilter, search
from tasks_app.admin.live_page import LivePage
from tasks_app.domain.states import FINAL
from tasks_app.models import Attempt, Execution


@admin.register(Execution)
class ExecutionAdmin(ExecutionActions, LivePage):
    """One run of a task's version."""

    list_display = ("task", "shown_state", "task_type", "shown_cause", "created", "took", "worker", "tries")
    list_filter = (StateFilter, TypeFilter, CauseFilter)
    search_fields = ("id",)
    search_help_text = "an id, or part of a task's name (newest 50,000)"
    content_template = "taskfleet/execution_content.html"
    refresh_ms = 2_000

    def get_queryset(self, request: HttpRequest) -> QuerySet[Execution]:
        """With the task's name and the last worker."""
        attempts = Attempt.objects.filter(execution_id=OuterRef("pk")).order_by("-number")
        rows = super().get_queryset(request).select_related("definition")
        return rows.annotate(last_worker=Subquery(attempts.values("worker")[:1]))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Execution], search_term: str
    ) -> tuple[QuerySet[Execution], bool]:
        """Never a LIKE over the history."""
        return (search(queryset, text=search_term.strip()) if search_term.strip() else queryset), False

    @admin.display(description="task")
    def task(self, execution: Execution) -> str:
        """The name of what ran."""
        return execution.definition.name

    @admin.display(description="state")
    def shown_state(self, execution: Execution) -> SafeString | str:
        """The state in its colour."""
        return words.badge(execution.state)

    @admin.display(description="cause")
    def shown_cause(self, execution: Execution) -> str:
        """What started it."""
        return execution.get_cause_display().lower() + (" (forced)" if execution.forced else "")

    @admin.display(description="created")
    def created(self, execution: Execution) -> SafeString | str:
        """Relative, exact on hover."""
        return words.when(execution.created_at)

    @admin.display(description="duration")
    def took(self, execution: Execution) -> str:
        """From the first start to the end."""
        return words.between(execution.started_at, execution.finished_at)

    @admin.display(description="worker")
    def worker(self, execution: Execution) -> str:
        """Who tried last."""
        return getattr(execution, "last_worker", None) or words.NONE

    @admin.display(description="attempts")
    def tries(self, execution: Execution) -> int:
        """How many attempts were opened."""
        return execution.attempts

    def page(self, row: Execution) -> execution_page.Page:
        """All there is to say about it."""
        return execution_page.build(row)

    def ended(self, row: Execution) -> bool:
        """Final rows never move."""
        return row.state in FINAL

    def name_of(self, row: Execution) -> str:
        """The task's name."""
        return row.definition.name
