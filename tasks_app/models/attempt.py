"""One try of an execution by one worker."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Attempt(models.Model):
    """The fence: whoever ends an execution must name the open attempt that holds it."""

    class Outcome(models.TextChoices):
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"
        HANDED_BACK = "handed_back"
        LOST = "lost"

    id = models.BigAutoField(primary_key=True)
    execution_id = models.UUIDField()
    number = models.SmallIntegerField()
    worker = models.CharField(max_length=200)
    pid = models.IntegerField()
    celery_id = models.CharField(max_length=64)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField()
    deadline_at = models.DateTimeField(null=True)
    slots = ArrayField(models.CharField(max_length=200), default=list)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, null=True)
    error_kind = models.CharField(max_length=40, null=True)
    error_message = models.TextField(null=True)
    traceback = models.TextField(null=True)
    cpu_ms = models.IntegerField(null=True)
    max_rss_kb = models.BigIntegerField(null=True)
    queue_wait_ms = models.BigIntegerField(null=True)

    class Meta:
        db_table = "fleet_attempt"
        indexes = [
            models.Index(fields=["execution_id", "number"], name="attempt_execution"),
            models.Index(fields=["lease_until"], name="attempt_lease", condition=models.Q(finished_at=None)),
            models.Index(fields=["worker"], name="attempt_worker", condition=models.Q(finished_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} #{self.number}"
