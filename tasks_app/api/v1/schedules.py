"""/schedules/: when tasks are due, and a preview of any schedule before it is used."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tasks_app.api.resource import Resource, there
from tasks_app.api.v1.filters import ScheduleFilters
from tasks_app.api.v1.task_shapes import ScheduleShape, in_words
from tasks_app.api.v1.wishes import Preview
from tasks_app.domain import schedules
from tasks_app.domain.refusals import invalid
from tasks_app.domain.zones import zone
from tasks_app.engine.clock import database_now, policy
from tasks_app.models import Schedule
from tasks_app.queries import definitions, single
from tasks_app.queries.keyset import Order


class ScheduleRow(ScheduleShape):
    """A schedule and what it is about to do."""

    id = serializers.IntegerField()
    task = serializers.UUIDField(source="definition_id", allow_null=True)
    task_name = serializers.SerializerMethodField()
    words = serializers.SerializerMethodField()
    enabled = serializers.BooleanField()
    next_due_at = serializers.DateTimeField(allow_null=True)
    last_due_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(help_text="why it cannot be followed, if it cannot")

    def get_words(self, schedule: Schedule) -> str:
        return in_words(schedule)

    def get_task_name(self, schedule: Schedule) -> str:
        """The task's name; of a hand-made periodic task, its own."""
        named = schedule.definition or schedule.periodic_task
        return named.name if named else ""


class Fire(serializers.Serializer):
    """One due instant."""

    utc = serializers.DateTimeField()
    local = serializers.CharField()


class Previewed(serializers.Serializer):
    """What a schedule means."""

    text = serializers.CharField(help_text="as it is stored")
    kind = serializers.ChoiceField(["manual", "cron", "interval", "once"])
    words = serializers.CharField()
    timezone = serializers.CharField()
    fires = Fire(many=True)


class Schedules(Resource):
    """Schedules. They are written with their task."""

    serializer_class = ScheduleRow
    filterset_class = ScheduleFilters
    lookup_value_regex = "[0-9]{1,18}"
    order = Order(("id",))

    def get_queryset(self) -> Any:
        return definitions.schedules(self.request.user)

    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ScheduleRow(page, many=True).data)

    def retrieve(self, request: Request, id: str) -> Response:
        """One schedule."""
        return Response(ScheduleRow(there(single.by_key(self.get_queryset(), int(id)))).data)

    @extend_schema(request=Preview, responses=Previewed)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What a schedule means, in words and as its next instants, before any task uses it."""
        wish = self.body(Preview)
        spec = _spec(wish)
        local = zone(spec.timezone)
        fires = _fires(spec, wish)
        return Response(
            {
                "text": spec.text,
                "kind": spec.kind,
                "words": schedules.describe(spec),
                "timezone": spec.timezone,
                "fires": [{"utc": fire, "local": fire.astimezone(local).isoformat()} for fire in fires],
            }
        )


def _spec(wish: Preview) -> schedules.Spec:
    try:
        zone(wish.timezone)
    except schedules.ScheduleError as exc:
        raise invalid("timezone", f"{exc.message} Did you mean {exc.suggestion!r}?") from None
    try:
        return schedules.parse(wish.schedule, timezone=wish.timezone, minimum_interval=policy().minimum_interval)
    except schedules.ScheduleError as exc:
        raise invalid("schedule", str(exc)) from None


def _fires(spec: schedules.Spec, wish: Preview) -> list[datetime]:
    now = database_now()
    try:
        return schedules.next_fires(
            spec, timezone=spec.timezone, after=now, count=wish.count, start=wish.start_at, end=wish.end_at
        )
    except (OverflowError, ValueError):
        raise invalid("start_at", "There is no due instant in the calendar after this.") from None
