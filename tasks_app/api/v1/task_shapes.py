"""How tasks, their versions and dependencies look in answers. What may be sent is `engine/drafts`."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tasks_app.domain import priority, schedules
from tasks_app.engine.drafts import Draft
from tasks_app.models import Dependency, Schedule, TaskDefinition

PRIORITY = {
    "oneOf": [{"type": "string", "enum": list(priority.NUMBERS)}, {"type": "integer", "minimum": 0, "maximum": 9}]
}


def shown_priority(number: int) -> str | int:
    """The name of a priority that has one, else its number."""
    name = priority.name_for(number)
    return name if priority.NUMBERS[name] == number else number


class PriorityField(serializers.Field):
    """A name or a number, as it may be sent."""

    def to_representation(self, value: int) -> str | int:
        return shown_priority(value)


extend_schema_field(PRIORITY)(PriorityField)


class ScheduleShape(serializers.Serializer):
    """When a task is due, as it may be sent again."""

    text = serializers.CharField()
    timezone = serializers.CharField()
    start_at = serializers.DateTimeField(allow_null=True)
    end_at = serializers.DateTimeField(allow_null=True)
    catch_up = serializers.ChoiceField(Schedule.CatchUp.values)
    overlap = serializers.ChoiceField(Schedule.Overlap.values)
    misfire_seconds = serializers.FloatField()
    grace_seconds = serializers.FloatField()


class EdgeShape(serializers.Serializer):
    """An edge to the task from `task`, as it may be sent again."""

    task = serializers.UUIDField(source="upstream_id")
    condition = serializers.ChoiceField(Dependency.Condition.values)
    expression = serializers.CharField()
    delay_ms = serializers.IntegerField()


class LastRunShape(serializers.Serializer):
    """How the last run ended."""

    execution_id = serializers.UUIDField(source="last_execution_id")
    state = serializers.CharField(source="last_state")
    finished_at = serializers.DateTimeField(source="last_finished_at", allow_null=True)
    last_success_at = serializers.DateTimeField(allow_null=True)


class ContentShape(serializers.Serializer):
    """What a version holds."""

    task_type = serializers.CharField()
    config = serializers.DictField()
    pool = serializers.CharField()
    priority = PriorityField()
    timeout_seconds = serializers.FloatField()
    max_retries = serializers.IntegerField()
    initial_delay_ms = serializers.IntegerField()
    max_delay_ms = serializers.IntegerField()
    backoff_multiplier = serializers.FloatField()
    jitter = serializers.FloatField()
    retry_conditions = serializers.ListField(child=serializers.CharField(), allow_null=True)
    idempotent = serializers.BooleanField()
    max_concurrent = serializers.IntegerField(allow_null=True)
    concurrency_key = serializers.CharField()
    concurrency_limit = serializers.IntegerField(allow_null=True)
    start_by_seconds = serializers.FloatField(allow_null=True)
    dependency_mode = serializers.ChoiceField(["all", "any"])
    trigger_on_dependencies = serializers.BooleanField()
    dependency_timeout_seconds = serializers.FloatField()


class VersionShape(ContentShape):
    """One version of a task."""

    version = serializers.IntegerField(source="number")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)


class TaskShape(ContentShape):
    """A task: its head, its current version's content beside it. What is not read-only may be sent back in a PUT."""

    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(source="current_version.number", read_only=True)
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(TaskDefinition.Status.values)
    owner = serializers.CharField(source="owner.username", default=None, allow_null=True, read_only=True)
    tags = serializers.ListField(child=serializers.CharField())
    assignees = serializers.SerializerMethodField()
    schedule = serializers.SerializerMethodField()
    schedule_in_words = serializers.SerializerMethodField(read_only=True)
    next_due_at = serializers.SerializerMethodField(read_only=True)
    dependencies = EdgeShape(source="upstream_edges.all", many=True)
    last_run = serializers.SerializerMethodField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def get_assignees(self, task: TaskDefinition) -> list[str]:
        return sorted(person.get_username() for person in task.assignees.all())

    @extend_schema_field(ScheduleShape(allow_null=True))
    def get_schedule(self, task: TaskDefinition) -> dict[str, Any] | None:
        schedule = schedule_of(task)
        return dict(ScheduleShape(schedule).data) if schedule else None

    def get_schedule_in_words(self, task: TaskDefinition) -> str:
        return in_words(schedule_of(task))

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_due_at(self, task: TaskDefinition) -> str | None:
        schedule = schedule_of(task)
        due = schedule.next_due_at if schedule else None
        return serializers.DateTimeField().to_representation(due) if due else None

    @extend_schema_field(LastRunShape(allow_null=True))
    def get_last_run(self, task: TaskDefinition) -> dict[str, Any] | None:
        head = getattr(task, "head", None)
        return dict(LastRunShape(head).data) if head and head.last_execution_id else None

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        content = {name: fields.pop(name) for name in ContentShape._declared_fields}
        for name, field in content.items():
            field.source = f"current_version.{name}"
        return {**fields, **content}


READ_ONLY = frozenset(TaskShape._declared_fields) - frozenset(Draft.model_fields)


def schedule_of(task: TaskDefinition) -> Schedule | None:
    """The one schedule of a task, from what was prefetched."""
    return next(iter(task.schedules.all()), None)


def in_words(schedule: Schedule | None) -> str:
    """A schedule for people."""
    if schedule is None:
        return schedules.describe(None)
    try:
        return schedules.describe(schedule.text, timezone=schedule.timezone)
    except schedules.ScheduleError:
        return schedule.text
