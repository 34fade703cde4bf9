"""Execution log lines: what an executor logs or prints, readable while it runs."""

from django.db import models
from django.db.models.functions import Now


class LogLine(models.Model):
    """One line. Written in small batches by the pool child that runs the attempt."""

    id = models.BigAutoField(primary_key=True)
    execution_id = models.UUIDField()
    attempt = models.SmallIntegerField()
    at = models.DateTimeField(db_default=Now())
    level = models.CharField(max_length=8)
    message = models.TextField()
    data = models.JSONField(null=True)

    class Meta:
        db_table = "fleet_logline"
        indexes = [models.Index(fields=["execution_id", "id"], name="logline_execution")]

    def __str__(self) -> str:
        return self.message
