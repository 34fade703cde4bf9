"""The fleet as its keepers report it."""

from collections.abc import Mapping
from datetime import timedelta

from django.db.models import BooleanField, Case, Q, QuerySet, Value, When
from django.db.models.functions import Now

from tasks_app.models import Worker


def shown(*, fresh_for: timedelta) -> QuerySet[Worker]:
    """Every worker with `alive`: neither stopped nor silent for longer than `fresh_for`."""
    fresh = Q(stopped_at=None, heartbeat_at__gt=Now() - fresh_for)
    return Worker.objects.annotate(
        alive=Case(When(fresh, then=Value(True)), default=Value(False), output_field=BooleanField())
    )


def able(*, fresh_for: timedelta) -> Mapping[str, int]:
    """How many living workers can run each task type."""
    able: dict[str, int] = {}
    for types in Worker.objects.filter(stopped_at=None, heartbeat_at__gt=Now() - fresh_for).values_list(
        "task_types", flat=True
    ):
        for task_type in types:
            able[task_type] = able.get(task_type, 0) + 1
    return able
