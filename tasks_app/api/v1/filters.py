"""The query parameters of lists. Each reads an index or a bounded set; unknown ones are refused by `resource`."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from tasks_app.models import Dependency, Execution, Schedule, TaskDefinition, Template, WorkflowRun
from tasks_app.models.batch import Batch
from tasks_app.queries import definitions


class Words(filters.BaseInFilter, filters.ChoiceFilter):
    """Several of the known words, with commas between."""


class TaskFilters(filters.FilterSet):
    """Which tasks."""

    status = Words(choices=TaskDefinition.Status.choices, method="of_status", help_text="active, paused, archived")
    task_type = filters.CharFilter(field_name="current_version__task_type")
    name = filters.CharFilter(help_text="the exact name")
    tag = filters.CharFilter(method="of_tag")
    search = filters.CharFilter(method="of_search", help_text="part of name or description")
    owner = filters.ChoiceFilter(choices=[("me", "me")], method="of_owner", help_text="me: without tasks of others")

    class Meta:
        model = TaskDefinition
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[TaskDefinition]) -> QuerySet[TaskDefinition]:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("status") else definitions.with_status(rows, [])

    def of_status(self, rows: QuerySet[TaskDefinition], name: str, value: list[str]) -> QuerySet[TaskDefinition]:
        return definitions.with_status(rows, value)

    def of_tag(self, rows: QuerySet[TaskDefinition], name: str, value: str) -> QuerySet[TaskDefinition]:
        return definitions.tagged(rows, value)

    def of_search(self, rows: QuerySet[TaskDefinition], name: str, value: str) -> QuerySet[TaskDefinition]:
        return definitions.matching(rows, value)

    def of_owner(self, rows: QuerySet[TaskDefinition], name: str, value: str) -> QuerySet[TaskDefinition]:
        return definitions.owned(rows, self.request.user)


class ExecutionFilters(filters.FilterSet):
    """Which executions. Dead letters are `state=failed`."""

    state = Words(choices=Execution._meta.get_field("state").choices, lookup_expr="in")
    task = filters.UUIDFilter(field_name="definition_id")
    task_type = filters.CharFilter()
    cause = filters.ChoiceFilter(choices=Execution.Cause.choices)
    batch = filters.UUIDFilter(field_name="batch_id")
    workflow = filters.UUIDFilter(field_name="workflow_id")
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Execution
        fields: list[str] = []


class BatchFilters(filters.FilterSet):
    """Which batches."""

    state = Words(choices=Batch.State.choices, lookup_expr="in")

    class Meta:
        model = Batch
        fields: list[str] = []


class WorkflowFilters(filters.FilterSet):
    """Which workflow runs."""

    state = Words(choices=WorkflowRun.State.choices, lookup_expr="in")
    task = filters.UUIDFilter(field_name="root_definition")

    class Meta:
        model = WorkflowRun
        fields: list[str] = []


class ScheduleFilters(filters.FilterSet):
    """Which schedules."""

    task = filters.UUIDFilter(field_name="definition_id")
    enabled = filters.BooleanFilter()
    due_before = filters.IsoDateTimeFilter(field_name="next_due_at", lookup_expr="lt")

    class Meta:
        model = Schedule
        fields: list[str] = []


class DependencyFilters(filters.FilterSet):
    """Which edges."""

    task = filters.UUIDFilter(method="of_task", help_text="edges into and out of this task")
    condition = filters.ChoiceFilter(choices=Dependency.Condition.choices)

    class Meta:
        model = Dependency
        fields: list[str] = []

    def of_task(self, rows: QuerySet[Dependency], name: str, value: Any) -> QuerySet[Dependency]:
        return definitions.edges_of(rows, value)


class TemplateFilters(filters.FilterSet):
    """Which templates."""

    category = filters.CharFilter(lookup_expr="iexact")
    task_type = filters.CharFilter()

    class Meta:
        model = Template
        fields: list[str] = []
