"""Edges between definitions."""

from django.db import models

from tasks_app.models.definition import TaskDefinition
from tasks_app.models.fields import created_field


class Dependency(models.Model):
    """`downstream` waits for, or is started by, `upstream`."""

    class Condition(models.TextChoices):
        SUCCESS = "success"
        FAILURE = "failure"
        COMPLETION = "completion"
        CUSTOM = "custom"

    upstream = models.ForeignKey(TaskDefinition, on_delete=models.CASCADE, related_name="downstream_edges")
    downstream = models.ForeignKey(TaskDefinition, on_delete=models.CASCADE, related_name="upstream_edges")
    condition = models.CharField(max_length=10, choices=Condition.choices, default=Condition.SUCCESS)
    expression = models.TextField(blank=True, default="", help_text="CEL, for condition custom")
    delay_ms = models.PositiveBigIntegerField(default=0)
    created_at = created_field()

    class Meta:
        db_table = "fleet_dependency"
        verbose_name_plural = "dependencies"
        constraints = [
            models.UniqueConstraint(fields=["downstream", "upstream"], name="dependency_once"),
            models.CheckConstraint(condition=~models.Q(upstream=models.F("downstream")), name="dependency_not_self"),
        ]

    def __str__(self) -> str:
        return f"{self.upstream_id} -> {self.downstream_id} ({self.condition})"
