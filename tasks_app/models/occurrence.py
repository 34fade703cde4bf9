"""The ledger: each due instant of a schedule, run, caught up or missed and why. A gap is one row."""

from django.db import models

from tasks_app.models.fields import created_field


class Occurrence(models.Model):
    """Unique (schedule, due_at): any number of beats may tick."""

    class Outcome(models.TextChoices):
        RUN = "run"
        CAUGHT_UP = "caught_up"
        MISSED = "missed"

    id = models.BigAutoField(primary_key=True)
    schedule_id = models.BigIntegerField()
    definition_id = models.UUIDField(null=True)
    due_at = models.DateTimeField()
    last_due_at = models.DateTimeField(null=True)
    count = models.IntegerField(db_default=1)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    late = models.BooleanField(db_default=False)
    reason = models.CharField(max_length=200, db_default="")
    created_at = created_field()

    class Meta:
        db_table = "fleet_occurrence"
        constraints = [models.UniqueConstraint(fields=["schedule_id", "due_at"], name="occurrence_once")]
        indexes = [models.Index(fields=["definition_id", "-due_at"], name="occurrence_definition")]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.due_at} {self.outcome}"


class OccurrenceRun(models.Model):
    """The executions of an occurrence: its own run, a catch-up, a backfill, a rerun."""

    id = models.BigAutoField(primary_key=True)
    occurrence = models.ForeignKey(Occurrence, on_delete=models.CASCADE, related_name="runs")
    cause = models.CharField(max_length=10)
    generation = models.SmallIntegerField(default=0)
    execution_id = models.UUIDField()

    class Meta:
        db_table = "fleet_occurrence_run"
        constraints = [
            models.UniqueConstraint(fields=["occurrence", "cause", "generation"], name="occurrence_run_once")
        ]

    def __str__(self) -> str:
        return f"{self.occurrence_id} {self.cause} {self.generation}"
