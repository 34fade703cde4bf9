"""/batches/: tasks started together, at most `max_parallel` of them at once."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from tasks_app.api.once import once
from tasks_app.api.resource import Resource, found
from tasks_app.api.v1.execution_shapes import ExecutionShape
from tasks_app.api.v1.filters import BatchFilters
from tasks_app.api.v1.task_shapes import PriorityField
from tasks_app.api.v1.wishes import Reason, StartBatch
from tasks_app.domain.refusals import invalid
from tasks_app.engine import batches, contents
from tasks_app.models import Batch
from tasks_app.queries import batches as batch_queries
from tasks_app.queries import definitions, executions, visible
from tasks_app.queries.keyset import Order


class BatchShape(serializers.Serializer):
    """A batch."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(Batch.State.values)
    total = serializers.IntegerField()
    max_parallel = serializers.IntegerField()
    stop_on_failure = serializers.BooleanField()
    priority = PriorityField()
    pool = serializers.CharField()
    cancel_requested_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class BatchProgress(serializers.Serializer):
    """How far a batch is."""

    counts = serializers.DictField(child=serializers.IntegerField(), help_text="members by state")
    percent = serializers.FloatField()
    rate_per_second = serializers.FloatField(allow_null=True)
    estimated_seconds_left = serializers.FloatField(allow_null=True)
    total = serializers.IntegerField()
    done = serializers.IntegerField()


class BatchStory(BatchShape):
    """A batch and how far it is."""

    progress = BatchProgress()


class BatchStarted(serializers.Serializer):
    """The batch and where to look at it."""

    batch_id = serializers.UUIDField()
    total = serializers.IntegerField()
    status_url = serializers.URLField()


class Member(serializers.Serializer):
    """A place in a batch and the execution that holds it; of several generations the greatest counts."""

    position = serializers.IntegerField()
    generation = serializers.IntegerField()
    execution = ExecutionShape(allow_null=True)


class HowMany(serializers.Serializer):
    """How many executions a verb reached."""

    count = serializers.IntegerField()


class Batches(Resource):
    """Batches: started together, watched together."""

    serializer_class = BatchShape
    filterset_class = BatchFilters
    paged = frozenset({"members"})

    def get_queryset(self) -> Any:
        return visible.batches(self.request.user)

    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(BatchShape(page, many=True).data)

    @extend_schema(request=StartBatch, responses={202: BatchStarted})
    @once
    def create(self, request: Request) -> Response:
        """Run tasks together, at most `max_parallel` (5 unless said otherwise) at once."""
        wish = self.body(StartBatch)
        batch = batches.start(
            visible_ids(wish.task_ids, by=self.person),
            by=self.person,
            max_parallel=wish.max_parallel,
            stop_on_failure=wish.stop_on_failure,
            overrides=_overrides(wish, by=self.person),
            name=wish.name,
            priority=wish.priority,
            request_id=self.request_id,
        )
        url = reverse("batch-detail", [batch.pk], request=request)
        body = {"batch_id": batch.pk, "total": batch.total, "status_url": url}
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": url})

    @extend_schema(responses=BatchStory)
    def retrieve(self, request: Request, id: str) -> Response:
        """One batch and how far it is."""
        batch = found(self.get_queryset(), id)
        return Response({**BatchShape(batch).data, "progress": batch_queries.progress(batch)})

    @extend_schema(responses=Member(many=True), filters=False, description="By place; with states: executions?batch=")
    @action(detail=True, filterset_class=None)
    def members(self, request: Request, id: str) -> Response:
        self.order = Order(("position", "generation"), descending=False)
        places = self.paginate_queryset(executions.members(found(self.get_queryset(), id).pk))
        held = executions.by_id([place.execution_id for place in places or ()])
        rows = [
            {"position": p.position, "generation": p.generation, "execution": held.get(p.execution_id)}
            for p in places or ()
        ]
        return self.get_paginated_response(Member(rows, many=True).data)

    @extend_schema(request=Reason, responses=HowMany)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Cancel every member that has not ended."""
        batch = found(self.get_queryset(), id)
        reason = self.body(Reason, optional=True).reason
        return Response({"count": batches.cancel(batch, by=self.person, reason=reason)})

    @extend_schema(request=None, responses=HowMany)
    @action(detail=True, methods=["post"], url_path="retry-failed")
    @once
    def retry_failed(self, request: Request, id: str) -> Response:
        """Run the failed, missed and cancelled members again, in their places."""
        batch = found(self.get_queryset(), id)
        return Response({"count": batches.retry_failed(batch, by=self.person)})


def visible_ids(ids: Sequence[UUID], *, by: User) -> Sequence[UUID]:
    """The ids, all of which somebody may see."""
    missing = definitions.invisible(by, ids)
    if missing:
        shown = ", ".join(str(id_) for id_ in missing[:5])
        raise invalid("task_ids", f"No such task that you can see: {shown}.")
    return ids


def _overrides(wish: StartBatch, *, by: User) -> list[dict[str, Any] | None] | None:
    """One entry a member, each judged with its task's config before anything is started."""
    given = wish.overrides
    if given is None:
        return None
    per_member = given if isinstance(given, list) else [given] * len(wish.task_ids)
    if len(per_member) != len(wish.task_ids):
        raise invalid("overrides", f"Give one entry a task: {len(wish.task_ids)} tasks, {len(per_member)} entries.")
    contents.check_run_configs(
        {
            f"overrides.{index}.config" if isinstance(given, list) else "overrides.config": (id_, entry.config)
            for index, (id_, entry) in enumerate(zip(wish.task_ids, per_member, strict=True))
            if entry is not None and entry.config
        },
        by=by,
    )
    return [entry.given() if entry else None for entry in per_member]
