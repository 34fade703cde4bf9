"""/executions/: runs, their logs and progress; cancel, retry, and both for many at once."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.utils.urls import replace_query_param

from tasks_app.api.once import once
from tasks_app.api.pages import size_of
from tasks_app.api.resource import Resource, found
from tasks_app.api.v1 import many
from tasks_app.api.v1.execution_shapes import (
    AttemptShape,
    ExecutionShape,
    ExecutionStory,
    LogLineShape,
    LogPage,
    Outcomes,
    ProgressShape,
    ResultShape,
    TransitionShape,
)
from tasks_app.api.v1.filters import ExecutionFilters
from tasks_app.api.v1.task_runs import Started, started
from tasks_app.api.v1.wishes import ManyExecutions, Reason, Rerun
from tasks_app.domain.refusals import Code, Refused, invalid
from tasks_app.domain.states import FINAL
from tasks_app.engine import control, reruns
from tasks_app.models import Execution
from tasks_app.queries import executions

AFTER = OpenApiParameter("after", int, description="Only lines behind the line with this id.")
PAGE_SIZE = OpenApiParameter("page_size", int, description="1 to 500 lines.")


@extend_schema_view(list=extend_schema(description="Newest first. The dead letters are those with `state=failed`."))
class Executions(Resource):
    """Executions: every run of every task, where it is and what became of it."""

    serializer_class = ExecutionShape
    filterset_class = ExecutionFilters
    extra_query = {"logs": (AFTER, PAGE_SIZE)}

    def get_queryset(self) -> Any:
        return executions.shown(self.request.user)

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ExecutionShape(page, many=True).data)

    @extend_schema(responses=ExecutionStory)
    def retrieve(self, request: Request, id: str) -> Response:
        """One execution with its result, attempts and transitions."""
        execution = found(self.get_queryset(), id)
        story = executions.story(execution)
        told = {
            "overrides": execution.overrides,
            "result": ResultShape(story.result).data if story.result else None,
            "attempts_made": AttemptShape(story.attempts, many=True).data,
            "transitions": TransitionShape(story.transitions, many=True).data,
            "logs_url": reverse("execution-logs", [execution.pk], request=request),
        }
        return Response({**ExecutionShape(execution).data, **told})

    @extend_schema(responses=LogPage, parameters=[AFTER, PAGE_SIZE], filters=False)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def logs(self, request: Request, id: str) -> Response:
        """What an execution wrote, in order, also while it runs."""
        execution = found(self.get_queryset(), id)
        after, size = _after(request), size_of(request.query_params)
        lines = executions.log_lines(execution, after=after, size=size + 1)
        more, lines = len(lines) > size, lines[:size]
        last = lines[-1].pk if lines else after
        page = {
            "next": replace_query_param(request.build_absolute_uri(), "after", last),
            "last_id": last,
            "more": more,
            "final": execution.state in FINAL,
            "results": LogLineShape(lines, many=True).data,
        }
        return Response(page)

    @extend_schema(responses=ProgressShape)
    @action(detail=True)
    def progress(self, request: Request, id: str) -> Response:
        """How far an execution is."""
        execution = found(self.get_queryset(), id)
        share = execution.progress
        percent = None if share is None else round(share * 100, 1)
        final = execution.state in FINAL
        fields = ("id", "state", "progress", "started_at", "finished_at")
        return Response({**{f: getattr(execution, f) for f in fields}, "percent": percent, "final": final})

    @extend_schema(request=Reason, responses=ExecutionShape)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Cancel what waits; ask a running one to stop, which it does within seconds."""
        execution = found(self.get_queryset(), id)
        cancel_one(execution, reason=self.body(Reason, optional=True).reason, by=self.person)
        return Response(ExecutionShape(found(self.get_queryset(), id)).data)

    @extend_schema(request=Rerun, responses={202: Started}, description="A new execution that points back here.")
    @action(detail=True, methods=["post"])
    @once
    def retry(self, request: Request, id: str) -> Response:
        execution = found(self.get_queryset(), id)
        wish = self.body(Rerun, optional=True).overrides
        again = reruns.rerun(
            [execution.pk], by=self.person, overrides=wish.given() if wish else None, request_id=self.request_id
        )[0]
        return started(request, again.pk, state=again.state)

    @extend_schema(request=ManyExecutions, responses=Outcomes)
    @action(detail=False, methods=["post"])
    @once
    def bulk(self, request: Request) -> Response:
        """Retry or cancel up to 1,000 executions, each with its own outcome."""
        wish = self.body(ManyExecutions)
        ids = list(dict.fromkeys(wish.ids))
        known = executions.known(self.person, ids)
        if wish.action == "retry":
            done = many.retried(known, by=self.person, request_id=self.request_id)
        else:
            done = many.cancelled(known, by=self.person, reason=wish.reason)
        results = [many.row(id_, done.get(id_, many.MISSING)) for id_ in ids]
        good = sum(row["ok"] for row in results)
        return Response({"succeeded": good, "failed": len(results) - good, "results": results})


def cancel_one(execution: Execution, *, reason: str, by: Any) -> None:
    """Cancel, or say that it has ended."""
    if not control.cancel([execution.pk], by=by, reason=reason):
        raise Refused(Code.CONFLICT, f"The execution has ended already ({execution.state}).")


def _after(request: Request) -> int:
    text = request.query_params.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise invalid("after", "Give the id of a log line, such as last_id.")
    return int(text)
