"""When a definition is due. The schedule owns *when*; its PeriodicTask is a projection of it."""

from django.db import models

from tasks_app.models.definition import TaskDefinition
from tasks_app.models.fields import created_field


class Schedule(models.Model):
    """A row may also be made by a database trigger for a hand-made PeriodicTask: hence the database defaults."""

    class CatchUp(models.TextChoices):
        NONE = "none"
        LATEST = "latest"
        ALL = "all"

    class Overlap(models.TextChoices):
        SKIP = "skip"
        QUEUE = "queue"
        ALLOW = "allow"

    definition = models.ForeignKey(TaskDefinition, null=True, on_delete=models.CASCADE, related_name="schedules")
    periodic_task = models.OneToOneField(
        "django_celery_beat.PeriodicTask", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    text = models.CharField(max_length=200, db_default="")
    timezone = models.CharField(max_length=64, db_default="UTC")
    enabled = models.BooleanField(db_default=True)
    anchor = models.DateTimeField(null=True)
    start_at = models.DateTimeField(null=True)
    end_at = models.DateTimeField(null=True)
    misfire_seconds = models.FloatField(db_default=60)
    grace_seconds = models.FloatField(db_default=120)
    catch_up = models.CharField(max_length=6, choices=CatchUp.choices, db_default="latest")
    catch_up_limit = models.PositiveIntegerField(db_default=100)
    overlap = models.CharField(max_length=5, choices=Overlap.choices, db_default="queue")
    next_due_at = models.DateTimeField(null=True)
    last_due_at = models.DateTimeField(null=True)
    stale_at = models.DateTimeField(null=True)
    error = models.TextField(db_default="")
    created_at = created_field()

    class Meta:
        db_table = "fleet_schedule"
        indexes = [
            models.Index(fields=["next_due_at"], name="schedule_due", condition=models.Q(next_due_at__isnull=False)),
            models.Index(fields=["stale_at"], name="schedule_stale", condition=models.Q(stale_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.text
