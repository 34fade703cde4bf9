"""Units of a finite concurrency limit. Only finite limits have rows."""

from django.db import models


class Slot(models.Model):
    """`key`: global, pool:P, type:T, definition:ID, key:K, batch:ID. Taken in the claim, handed on in finish."""

    key = models.CharField(max_length=200, primary_key=True)
    limit = models.IntegerField()
    used = models.IntegerField(default=0)

    class Meta:
        db_table = "fleet_slot"

    def __str__(self) -> str:
        return f"{self.key} {self.used}/{self.limit}"
