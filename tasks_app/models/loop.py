"""Lease rows that let one of many beats run a loop."""

from django.db import models


class LoopLease(models.Model):
    """Held by `holder` until `until`; `ran_at` is the end of its last pass."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=200)
    until = models.DateTimeField()
    ran_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "fleet_loop"

    def __str__(self) -> str:
        return self.name
