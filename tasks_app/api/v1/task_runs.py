"""Running a task, pausing and resuming it: the verbs under /tasks/{id}/."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from tasks_app.api.once import once
from tasks_app.api.resource import found
from tasks_app.api.v1.task_shapes import TaskShape
from tasks_app.api.v1.wishes import Execute
from tasks_app.domain.refusals import invalid
from tasks_app.engine import control, trigger, workflows
from tasks_app.engine.clock import database_now
from tasks_app.engine.drafts import TEN_YEARS_SECONDS
from tasks_app.models import TaskDefinition
from tasks_app.queries import graphs


class Started(serializers.Serializer):
    """What was started and where to look at it."""

    execution_id = serializers.UUIDField()
    workflow_id = serializers.UUIDField(allow_null=True)
    state = serializers.CharField()
    status_url = serializers.URLField()


class RunsTasks:
    """The verbs of `Tasks` that start and stop."""

    @extend_schema(request=Execute, responses={202: Started})
    @action(detail=True, methods=["post"])
    @once
    def execute(self: Any, request: Request, id: str) -> Response:
        """Run a task now, later, or together with what it depends on or what depends on it."""
        task = found(self.get_queryset(), id)
        wish = self.body(Execute, optional=True)
        if wish.with_upstream or wish.with_downstream:
            return self._start_workflow(task, wish)
        execution = trigger.trigger(
            task,
            by=self.person,
            overrides=wish.chosen(),
            run_at=_within_reason(wish.run_at),
            delay=timedelta(milliseconds=wish.delay_ms) or None,
            priority=wish.priority,
            force=wish.force,
            request_id=self.request_id,
        )
        return started(request, execution.pk, state=execution.state)

    def _start_workflow(self: Any, task: TaskDefinition, wish: Execute) -> Response:
        run = workflows.start(
            [task],
            by=self.person,
            with_upstream=wish.with_upstream,
            with_downstream=wish.with_downstream,
            overrides=wish.chosen(),
            request_id=self.request_id,
        )
        execution = graphs.member_of(run, task.pk)
        assert execution is not None, "a run holds the task it was started at"
        return started(self.request, execution.pk, state=execution.state, workflow_id=run.pk)

    @extend_schema(request=None, responses={200: TaskShape})
    @action(detail=True, methods=["post"])
    def pause(self: Any, request: Request, id: str) -> Response:
        """Nothing starts this task by itself until it is resumed; by hand it still runs."""
        task = found(self.get_queryset(), id)
        control.pause(task, by=self.person)
        return self.shown(task)

    @extend_schema(request=None, responses={200: TaskShape})
    @action(detail=True, methods=["post"])
    def resume(self: Any, request: Request, id: str) -> Response:
        """Start again, from now on; nothing of the pause counts as missed."""
        task = found(self.get_queryset(), id)
        control.resume(task, by=self.person)
        return self.shown(task)


def started(request: Request, execution_id: UUID, *, state: str, workflow_id: UUID | None = None) -> Response:
    """202 with the address where the execution is seen."""
    url = reverse("execution-detail", [execution_id], request=request)
    body = {"execution_id": execution_id, "workflow_id": workflow_id, "state": state, "status_url": url}
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": url})


def _within_reason(instant: Any) -> Any:
    """An instant more than ten years away is a mistake in units."""
    if instant is not None and abs((instant - database_now()).total_seconds()) > TEN_YEARS_SECONDS:
        raise invalid("run_at", "Give an instant within ten years from now.")
    return instant
