"""The closure of definitions started together from one trigger along dependencies."""

from django.conf import settings
from django.db import models

from tasks_app.models.fields import created_field, id_field


class WorkflowRun(models.Model):
    """Its executions carry its id; its state is judged from theirs when none is left open."""

    class State(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = id_field()
    name = models.CharField(max_length=200, blank=True, default="")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    root_definition = models.UUIDField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    total = models.IntegerField()
    created_at = created_field()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "fleet_workflow_run"
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="workflow_newest"),
            models.Index(fields=["created_at"], name="workflow_open", condition=models.Q(state="running")),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)
