"""One run of a version. It has *the* state; only `engine/moves.py` writes it.

No foreign key of the database points into or out of this table, so that history can be partitioned and dropped.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Cast

from tasks_app.domain.states import FINAL, OPEN
from tasks_app.models.definition import DefinitionVersion, TaskDefinition
from tasks_app.models.fields import created_field, id_field

OPEN_STATES = sorted(OPEN)


def _loose(to: Any, **options: Any) -> Any:
    """A join for the ORM without a constraint in the database."""
    return models.ForeignKey(to, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, **options)


class Execution(models.Model):
    """One run of a definition's version, from the moment it is due until its end."""

    class Cause(models.TextChoices):
        MANUAL = "manual"
        SCHEDULE = "schedule"
        CATCH_UP = "catch_up"
        DEPENDENCY = "dependency"
        WORKFLOW = "workflow"
        BATCH = "batch"
        RERUN = "rerun"

    id = id_field()
    definition = _loose(TaskDefinition, related_name="executions")
    version = _loose(DefinitionVersion, related_name="+")
    owner = _loose(settings.AUTH_USER_MODEL, null=True, related_name="+")
    task_type = models.CharField(max_length=60)
    pool = models.CharField(max_length=60)
    priority = models.SmallIntegerField()
    state = models.CharField(max_length=10, choices=[(s, s) for s in sorted(OPEN | FINAL)])
    cause = models.CharField(max_length=10, choices=Cause.choices)
    forced = models.BooleanField(db_default=False, help_text="run by hand although paused or with unmet dependencies")
    overrides = models.JSONField(null=True)
    created_at = created_field()
    run_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    start_by = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True)

    # The queue: `queue_at` is the ready time less ten minutes a step of priority, so that waiting raises it. Only what
    # is pending has one: the indexes of the queue go by it, not by the state (see `engine/queue.py`).
    queue_at = models.DateTimeField(null=True)
    turn_key = models.IntegerField(db_default=0)
    held = models.BooleanField(db_default=False)
    waiting_slot = models.CharField(max_length=200, null=True)
    sent_at = models.DateTimeField(null=True)
    resend_at = models.DateTimeField(null=True)
    sends = models.SmallIntegerField(db_default=0)

    attempt_id = models.BigIntegerField(null=True)
    attempts = models.SmallIntegerField(db_default=0)
    retries_used = models.SmallIntegerField(db_default=0)
    handed_back = models.SmallIntegerField(db_default=0)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.IntegerField(null=True)
    cancel_reason = models.TextField(null=True)
    progress = models.FloatField(null=True)
    error_kind = models.CharField(max_length=40, null=True)
    error_message = models.TextField(null=True)
    fingerprint = models.CharField(max_length=40, null=True)

    workflow_id = models.UUIDField(null=True)
    waiting_for = models.IntegerField(db_default=0)
    open_links = models.IntegerField(db_default=0)
    batch_id = models.UUIDField(null=True)
    batch_position = models.IntegerField(null=True)
    superseded = models.BooleanField(db_default=False)
    generation = models.SmallIntegerField(db_default=0)
    parent_id = models.UUIDField(null=True, help_text="the execution whose end started this one")
    rerun_of = models.UUIDField(null=True)
    occurrence_id = models.BigIntegerField(null=True)
    request_id = models.CharField(max_length=64, null=True)
    trace_id = models.CharField(max_length=64, null=True)

    class Meta:
        db_table = "fleet_execution"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["pool", "turn_key", "queue_at"],
                name="execution_queue",
                condition=models.Q(queue_at__isnull=False, held=False, waiting_slot=None, sent_at=None, batch_id=None),
            ),
            models.Index(
                fields=["pool", "resend_at"],
                name="execution_out",
                condition=models.Q(sent_at__isnull=False),
            ),
            models.Index(
                fields=["run_at"], name="execution_due", condition=models.Q(state__in=["scheduled", "retrying"])
            ),
            models.Index(
                fields=["waiting_slot", "queue_at"],
                name="execution_slot",
                condition=models.Q(waiting_slot__isnull=False),
            ),
            models.Index(
                fields=["start_by"],
                name="execution_start_by",
                condition=models.Q(state__in=["scheduled", "pending"], start_by__isnull=False),
            ),
            models.Index(fields=["blocked_until"], name="execution_blocked", condition=models.Q(state="blocked")),
            models.Index(
                Cast("batch_id", models.TextField()),
                models.F("queue_at"),
                models.F("batch_position"),
                name="execution_lane",
                condition=models.Q(queue_at__isnull=False, batch_id__isnull=False),
            ),
            models.Index(
                fields=["batch_id", "state"], name="execution_batch", condition=models.Q(batch_id__isnull=False)
            ),
            models.Index(
                fields=["workflow_id", "state"],
                name="execution_workflow",
                condition=models.Q(workflow_id__isnull=False),
            ),
            models.Index(
                fields=["turn_key"],
                name="execution_waiting",
                condition=models.Q(state__in=["blocked", "pending", "retrying", "scheduled"]),
            ),
            models.Index(
                fields=["definition", "state"], name="execution_open", condition=models.Q(state__in=OPEN_STATES)
            ),
            models.Index(fields=["definition", "-created_at", "-id"], name="execution_history"),
            models.Index(fields=["-created_at", "-id"], name="execution_newest"),
            models.Index(fields=["owner", "-created_at", "-id"], name="execution_owner"),
            models.Index(
                fields=["state", "-created_at"], name="execution_state", condition=~models.Q(state="completed")
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
