"""What happened: one append-only row a change of state. Audit, alert outbox and history at once."""

from django.db import models
from django.db.models.functions import Now


class Transition(models.Model):
    """`old` is null for the creation of the execution."""

    id = models.BigAutoField(primary_key=True)
    execution_id = models.UUIDField()
    at = models.DateTimeField(db_default=Now())
    old = models.CharField(max_length=10, null=True)
    new = models.CharField(max_length=10)
    actor = models.CharField(max_length=12)
    user_id = models.IntegerField(null=True)
    attempt_id = models.BigIntegerField(null=True)
    reason = models.TextField(db_default="")
    trace_id = models.CharField(max_length=64, null=True)
    request_id = models.CharField(max_length=64, null=True)

    class Meta:
        db_table = "fleet_transition"
        indexes = [models.Index(fields=["execution_id", "id"], name="transition_execution")]

    def __str__(self) -> str:
        return f"{self.old} -> {self.new}"
