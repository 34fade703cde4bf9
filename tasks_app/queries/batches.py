"""How far a batch is."""

from typing import Any

from django.db.models import Count
from django.db.models.functions import Now

from tasks_app.domain import batches
from tasks_app.models import Batch, Execution


def progress(batch: Batch) -> dict[str, Any]:
    """Members by state, and what follows from it: percent, rate and the estimated rest. Two statements."""
    members = Execution.objects.filter(batch_id=batch.pk, superseded=False).order_by()
    counts = dict(members.values_list("state").annotate(number=Count("*")))
    now = batch.finished_at or Batch.objects.filter(pk=batch.pk).values_list(Now(), flat=True).get()
    told = batches.progress(counts, started_at=batch.started_at, now=now)
    return {
        "counts": counts,
        "total": told.total,
        "done": told.done,
        "percent": told.percent,
        "rate_per_second": told.rate_per_second,
        "estimated_seconds_left": told.estimated_seconds_left,
    }
