"""The ledger: each due instant, run, caught up, late or missed and why. Read-only."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RadioFilter

from tasks_app.admin import words
from tasks_app.admin.fleet import ReadOnlyAdmin
from tasks_app.admin.lines import execution_url
from tasks_app.models import Occurrence, OccurrenceRun, TaskDefinition

WINDOW = 50_000


class OutcomeFilter(RadioFilter):
    """By outcome, among the newest."""

    title = "outcome (newest 50,000)"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The three outcomes."""
        return [(value, str(label)) for value, label in Occurrence.Outcome.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Occurrence]) -> QuerySet[Occurrence]:
        """One outcome, within the newest ids."""
        if not self.value():
            return queryset
        newest = Occurrence.objects.order_by("-id").values_list("id", flat=True).first() or 0
        return queryset.filter(outcome=self.value(), id__gt=newest - WINDOW)


@admin.register(Occurrence)
class OccurrenceAdmin(ReadOnlyAdmin):
    """One due instant, or a gap of many."""

    list_display = ("due", "task", "shown_outcome", "count", "reason", "runs_of")
    list_display_links = None
    list_filter = (OutcomeFilter,)
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Occurrence]:
        """With their executions."""
        return super().get_queryset(request).prefetch_related("runs")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The names of the page's tasks, in one statement."""
        changes = super().get_changelist_instance(request)
        changes.result_list = list(changes.result_list)
        ids = {row.definition_id for row in changes.result_list if row.definition_id}
        names = dict(TaskDefinition.objects.filter(pk__in=ids).values_list("pk", "name"))
        for row in changes.result_list:
            row.task_name = names.get(row.definition_id, "")
        return changes

    @admin.display(description="due")
    def due(self, row: Occurrence) -> SafeString | str:
        """The instant; of a gap, the first and the last."""
        return due_words(row)

    @admin.display(description="task")
    def task(self, row: Any) -> str:
        """Whose instant."""
        return row.task_name or words.NONE

    @admin.display(description="outcome")
    def shown_outcome(self, row: Occurrence) -> SafeString | str:
        """What became of it."""
        return outcome_words(row)

    @admin.display(description="executions")
    def runs_of(self, row: Occurrence) -> SafeString | str:
        """Links to them."""
        links = [words.link(execution_url(run.execution_id), run.cause) for run in row.runs.all()]
        return format_html(" ".join(["{}"] * len(links)), *links) if links else words.NONE


def due_words(row: Occurrence) -> str:
    """The instant; of a gap, the first and the last."""
    if row.last_due_at and row.last_due_at != row.due_at:
        return f"{words.exact(row.due_at)} to {words.exact(row.last_due_at)}"
    return words.exact(row.due_at)


def outcome_words(row: Occurrence) -> SafeString | str:
    """The outcome in its colour, late ones saying so."""
    text = row.get_outcome_display().replace("_", " ").lower()
    return words.badge("late" if row.late else row.outcome, text=f"{text}, late" if row.late else text)


def lines_of(rows: Iterable[Occurrence]) -> list[dict[str, Any]]:
    """Occurrences as the schedule's page shows them. Two statements."""
    found = list(rows)
    runs: dict[int, list[tuple[str, str]]] = {}
    for run in OccurrenceRun.objects.filter(occurrence_id__in=[row.pk for row in found]):
        runs.setdefault(run.occurrence_id, []).append((execution_url(run.execution_id), run.cause))
    return [
        {
            "due": due_words(row),
            "outcome": outcome_words(row),
            "count": row.count,
            "reason": row.reason,
            "runs": runs.get(row.pk, []),
        }
        for row in found
    ]
