"""An edge inside one run: open, lit or dead."""

from django.db import models


class Link(models.Model):
    """`upstream_id` null: the upstream is outside the run and any satisfying end of its definition lights it."""

    class State(models.TextChoices):
        OPEN = "open"
        LIT = "lit"
        DEAD = "dead"

    id = models.BigAutoField(primary_key=True)
    workflow_id = models.UUIDField(null=True)
    upstream_id = models.UUIDField(null=True)
    upstream_definition_id = models.UUIDField()
    downstream_id = models.UUIDField()
    condition = models.CharField(max_length=10)
    expression = models.TextField(default="")
    delay_ms = models.BigIntegerField(default=0)
    state = models.CharField(max_length=4, choices=State.choices, default=State.OPEN)
    lit_by = models.UUIDField(null=True)

    class Meta:
        db_table = "fleet_link"
        indexes = [
            models.Index(fields=["upstream_id"], name="link_upstream", condition=models.Q(upstream_id__isnull=False)),
            models.Index(fields=["downstream_id"], name="link_downstream"),
            models.Index(
                fields=["upstream_definition_id"],
                name="link_outside",
                condition=models.Q(upstream_id__isnull=True, state="open"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.upstream_id} -> {self.downstream_id} {self.state}"
