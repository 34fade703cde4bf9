"""Executions started together with `max_parallel` and a completion policy."""

from django.conf import settings
from django.db import models

from tasks_app.models.fields import created_field, id_field


class Batch(models.Model):
    """A chain is a batch of width 1 that stops on failure; a group one that goes on."""

    class State(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = id_field()
    name = models.CharField(max_length=200, blank=True, default="")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    pool = models.CharField(max_length=60, default="default")
    priority = models.SmallIntegerField(default=4)
    max_parallel = models.PositiveIntegerField()
    stop_on_failure = models.BooleanField(default=False)
    total = models.IntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    cancel_requested_at = models.DateTimeField(null=True)
    lanes_sent_at = models.DateTimeField(null=True)
    lanes_seen_at = models.DateTimeField(null=True)
    body_sent = models.BooleanField(db_default=False, help_text="the closing message of its chord went out")
    created_at = created_field()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "fleet_batch"
        verbose_name_plural = "batches"
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="batch_newest"),
            models.Index(fields=["created_at"], name="batch_open", condition=models.Q(state="running")),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)


class BatchMember(models.Model):
    """The place of an execution in its batch; a rerun takes the place over with the next generation."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="members")
    position = models.IntegerField()
    generation = models.SmallIntegerField(default=0)
    execution_id = models.UUIDField()

    class Meta:
        db_table = "fleet_batch_member"
        constraints = [models.UniqueConstraint(fields=["batch", "position", "generation"], name="batch_member_once")]

    def __str__(self) -> str:
        return f"{self.batch_id} [{self.position}]"
