"""The columns and filters of the list of tasks. Nothing here touches history but by one statement a page."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RadioFilter, TextFilter

from tasks_app.admin import words
from tasks_app.admin.lines import execution_url
from tasks_app.admin.paginator import FleetList
from tasks_app.domain.schedules import ScheduleError, describe
from tasks_app.models import DefinitionHead, Schedule, TaskDefinition
from tasks_app.queries import task_types
from tasks_app.queries.outcomes import last_states


class WithOutcomes(FleetList):
    """A page of tasks, each with its last outcomes."""

    def get_results(self, request: HttpRequest) -> None:
        """One more statement for the whole page."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        outcomes = last_states(row.pk for row in self.result_list)
        for row in self.result_list:
            row.outcomes = outcomes.get(row.pk, [])


def schedule_words(schedule: Schedule | None) -> str:
    """A schedule in plain words; the text itself when it cannot be read any more."""
    if schedule is None or not schedule.text:
        return words.NONE
    try:
        return describe(schedule.text, timezone=schedule.timezone)
    except ScheduleError:
        return schedule.text


class DefinitionColumns:
    """Mixed into the page of tasks."""

    @admin.display(description="task", ordering="name")
    def named(self, task: TaskDefinition) -> SafeString:
        """Name, with its tags."""
        tags = format_html_join("", ' <span class="tf-quiet">#{}</span>', ((tag,) for tag in task.tags[:4]))
        return format_html("{}{}", task.name, tags)

    @admin.display(description="state")
    def shown_status(self, task: TaskDefinition) -> SafeString | str:
        """Active, paused or archived."""
        return words.badge(task.status)

    @admin.display(description="type")
    def task_type(self, task: TaskDefinition) -> str:
        """What kind of work."""
        return task.current_version.task_type if task.current_version else words.NONE

    @admin.display(description="schedule")
    def schedule_in_words(self, task: TaskDefinition) -> str:
        """When, in words."""
        return schedule_words(next(iter(task.schedules.all()), None))

    @admin.display(description="next run")
    def next_run(self, task: TaskDefinition) -> SafeString | str:
        """The next due instant."""
        dues = [schedule.next_due_at for schedule in task.schedules.all() if schedule.next_due_at]
        return words.when(min(dues)) if dues else words.NONE

    @admin.display(description="last run")
    def last_run(self, task: TaskDefinition) -> SafeString | str:
        """How it ended last, and when."""
        head = _head(task)
        if head is None or not head.last_state or head.last_execution_id is None:
            return words.NONE
        url = execution_url(head.last_execution_id)
        return format_html(
            '<a href="{}">{}</a> {}', url, words.badge(head.last_state), words.when(head.last_finished_at)
        )

    @admin.display(description="lately")
    def lately(self, task: TaskDefinition) -> SafeString | str:
        """The last outcomes as a sparkline, the newest on the right."""
        states: list[str] = getattr(task, "outcomes", [])
        if not states:
            return words.NONE
        done = [state for state in states if state in {"completed", "failed", "missed"}]
        share = f"{round(100 * done.count('completed') / len(done))} % completed" if done else "none ended"
        bars = format_html_join("", '<i class="tf-is-{}" title="{}"></i>', ((state, state) for state in states))
        return format_html('<span class="tf-spark" title="last {}: {}">{}</span>', len(states), share, bars)


def _head(task: TaskDefinition) -> DefinitionHead | None:
    try:
        return task.head
    except ObjectDoesNotExist:
        return None


class StatusFilter(RadioFilter):
    """Archived tasks are out of sight until asked for."""

    title = "state"
    parameter_name = "status"
    all_option = ["", "Active and paused"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The three states."""
        return [(value, str(label)) for value, label in TaskDefinition.Status.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TaskDefinition]) -> QuerySet[TaskDefinition]:
        """One state, or all but the archived."""
        if self.value():
            return queryset.filter(status=self.value())
        return queryset.exclude(status=TaskDefinition.Status.ARCHIVED)


class TypeFilter(RadioFilter):
    """By task type."""

    title = "task type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The registered types."""
        return [(slug, slug) for slug in task_types.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TaskDefinition]) -> QuerySet[TaskDefinition]:
        """One type."""
        return queryset.filter(current_version__task_type=self.value()) if self.value() else queryset


class TagFilter(TextFilter):
    """By one exact tag; tags are not listed, as that would read every task."""

    title = "tag"
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[TaskDefinition]) -> QuerySet[TaskDefinition]:
        """Tasks that carry it."""
        return queryset.filter(tags__contains=[self.value()]) if self.value() else queryset


def page_of(task: TaskDefinition) -> str:
    """The page of a task."""
    return reverse("admin:tasks_app_taskdefinition_change", args=[task.pk])


FILTERS: tuple[type[SimpleListFilter], ...] = (StatusFilter, TypeFilter, TagFilter)
