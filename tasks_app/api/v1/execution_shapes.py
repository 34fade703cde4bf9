"""How executions, their attempts, transitions and log lines look in answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tasks_app.api.v1.task_shapes import PriorityField
from tasks_app.domain.states import FINAL, OPEN
from tasks_app.models import Attempt, Execution

STATES = sorted(OPEN | FINAL)


class ErrorShape(serializers.Serializer):
    """Why an execution did not succeed."""

    kind = serializers.CharField(source="error_kind")
    message = serializers.CharField(source="error_message", allow_null=True)
    fingerprint = serializers.CharField(allow_null=True)


class ExecutionShape(serializers.Serializer):
    """One run of a task."""

    id = serializers.UUIDField()
    task = serializers.UUIDField(source="definition_id")
    task_name = serializers.CharField(source="definition.name")
    version = serializers.IntegerField(source="version.number")
    task_type = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    cause = serializers.ChoiceField(Execution.Cause.values)
    forced = serializers.BooleanField()
    pool = serializers.CharField()
    priority = PriorityField()
    progress = serializers.FloatField(allow_null=True)
    created_at = serializers.DateTimeField()
    run_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.SerializerMethodField()
    attempts = serializers.IntegerField()
    retries_used = serializers.IntegerField()
    cancel_requested_at = serializers.DateTimeField(allow_null=True)
    error = serializers.SerializerMethodField()
    waiting_for = serializers.IntegerField(help_text="upstreams that have not ended as asked")
    waiting_slot = serializers.CharField(allow_null=True, help_text="the limit that is full")
    workflow_id = serializers.UUIDField(allow_null=True)
    batch_id = serializers.UUIDField(allow_null=True)
    batch_position = serializers.IntegerField(allow_null=True)
    generation = serializers.IntegerField()
    superseded = serializers.BooleanField()
    parent_id = serializers.UUIDField(allow_null=True)
    rerun_of = serializers.UUIDField(allow_null=True)
    request_id = serializers.CharField(allow_null=True)
    trace_id = serializers.CharField(allow_null=True)

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_duration_ms(self, execution: Execution) -> int | None:
        if execution.started_at is None or execution.finished_at is None:
            return None
        return round((execution.finished_at - execution.started_at).total_seconds() * 1000)

    @extend_schema_field(ErrorShape(allow_null=True))
    def get_error(self, execution: Execution) -> dict[str, Any] | None:
        return dict(ErrorShape(execution).data) if execution.error_kind else None


class ResultShape(serializers.Serializer):
    """What an execution brought home."""

    summary = serializers.CharField()
    data = serializers.JSONField()  # type: ignore[assignment]
    metrics = serializers.DictField(child=serializers.FloatField())
    items_processed = serializers.IntegerField()
    partial = serializers.BooleanField()  # type: ignore[assignment]
    warnings = serializers.ListField(child=serializers.CharField())


class AttemptShape(serializers.Serializer):
    """One try by one worker."""

    number = serializers.IntegerField()
    worker = serializers.CharField()
    pid = serializers.IntegerField()
    celery_id = serializers.CharField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    lease_until = serializers.DateTimeField()
    outcome = serializers.ChoiceField(Attempt.Outcome.values, allow_null=True)
    error_kind = serializers.CharField(allow_null=True)
    error_message = serializers.CharField(allow_null=True)
    queue_wait_ms = serializers.IntegerField(allow_null=True)
    cpu_ms = serializers.IntegerField(allow_null=True)
    max_rss_kb = serializers.IntegerField(allow_null=True)


class TransitionShape(serializers.Serializer):
    """One change of state."""

    at = serializers.DateTimeField()
    old = serializers.CharField(allow_null=True)
    new = serializers.CharField()
    actor = serializers.CharField()
    user_id = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()
    request_id = serializers.CharField(allow_null=True)


class ExecutionStory(ExecutionShape):
    """One run with all that happened in it."""

    overrides = serializers.JSONField(allow_null=True)
    result = ResultShape(allow_null=True)
    attempts_made = AttemptShape(many=True)
    transitions = TransitionShape(many=True)
    logs_url = serializers.URLField()


class LogLineShape(serializers.Serializer):
    """One line an execution wrote."""

    id = serializers.IntegerField()
    attempt = serializers.IntegerField()
    at = serializers.DateTimeField()
    level = serializers.CharField()
    message = serializers.CharField()
    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment]


class LogPage(serializers.Serializer):
    """Lines in order; `next` gives those that follow, also those still to be written."""

    next = serializers.URLField()
    last_id = serializers.IntegerField()
    more = serializers.BooleanField(help_text="lines are there already behind this page")
    final = serializers.BooleanField(help_text="the execution has ended: no more lines will come")
    results = LogLineShape(many=True)


class ProgressShape(serializers.Serializer):
    """How far an execution is."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(STATES)
    final = serializers.BooleanField()
    progress = serializers.FloatField(allow_null=True, help_text="0 to 1, as the executor says")
    percent = serializers.FloatField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class Outcome(serializers.Serializer):
    """What a verb did to one of many executions."""

    id = serializers.UUIDField()
    ok = serializers.BooleanField()
    code = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)
    execution_id = serializers.UUIDField(allow_null=True, help_text="the new execution of a retry")


class Outcomes(serializers.Serializer):
    """Per-item results, in the order of the ids."""

    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = Outcome(many=True)
