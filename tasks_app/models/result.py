"""What an execution brought home."""

from django.db import models

from tasks_app.models.fields import created_field


class Result(models.Model):
    """The result of the attempt that ended its execution."""

    execution_id = models.UUIDField(primary_key=True)
    summary = models.TextField(default="")
    data = models.JSONField(null=True)
    metrics = models.JSONField(default=dict)
    items_processed = models.IntegerField(default=0)
    partial = models.BooleanField(default=False)
    warnings = models.JSONField(default=list)
    created_at = created_field()

    class Meta:
        db_table = "fleet_result"

    def __str__(self) -> str:
        return self.summary
