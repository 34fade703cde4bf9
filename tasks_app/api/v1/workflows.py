"""/workflows/: tasks run together in the order of their dependencies, seen as a graph with states."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.utils.urls import replace_query_param

from tasks_app.api.once import once
from tasks_app.api.pages import size_of
from tasks_app.api.resource import Resource, as_id, found
from tasks_app.api.v1.batches import HowMany, visible_ids
from tasks_app.api.v1.execution_shapes import STATES
from tasks_app.api.v1.filters import WorkflowFilters
from tasks_app.api.v1.wishes import Reason, StartWorkflow
from tasks_app.domain.refusals import invalid
from tasks_app.engine import control, workflows
from tasks_app.models import Link, WorkflowRun
from tasks_app.queries import definitions, graphs, visible


class WorkflowShape(serializers.Serializer):
    """A workflow run."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(WorkflowRun.State.values)
    total = serializers.IntegerField()
    root_task = serializers.UUIDField(source="root_definition", allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class Node(serializers.Serializer):
    """A task's execution in the run."""

    id = serializers.UUIDField()
    task = serializers.UUIDField(source="definition_id")
    name = serializers.CharField(source="definition.name")
    state = serializers.ChoiceField(STATES)
    generation = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class Edge(serializers.Serializer):
    """A dependency inside the run; without `upstream`, one on a task outside of it."""

    upstream = serializers.UUIDField(source="upstream_id", allow_null=True)
    upstream_task = serializers.UUIDField(source="upstream_definition_id")
    downstream = serializers.UUIDField(source="downstream_id")
    condition = serializers.CharField()
    delay_ms = serializers.IntegerField()
    state = serializers.ChoiceField(Link.State.values)


class GraphShape(serializers.Serializer):
    """Nodes and every edge into them; `next` gives further nodes of a large run."""

    next = serializers.URLField(allow_null=True)
    nodes = Node(many=True)
    edges = Edge(many=True)


class WorkflowStory(WorkflowShape):
    """A workflow run, how many of its nodes are in which state, and the first 500 of them as a graph."""

    counts = serializers.DictField(child=serializers.IntegerField())
    graph = GraphShape()


class WorkflowStarted(serializers.Serializer):
    """The run and where to look at it."""

    workflow_id = serializers.UUIDField()
    total = serializers.IntegerField()
    status_url = serializers.URLField()


AFTER = OpenApiParameter("after", str, description="Only nodes behind the node with this id.")
PAGE_SIZE = OpenApiParameter("page_size", int, description="1 to 500 nodes.")


class Workflows(Resource):
    """Workflow runs: each node once, in dependency order."""

    serializer_class = WorkflowShape
    filterset_class = WorkflowFilters
    extra_query = {"graph": (AFTER, PAGE_SIZE)}

    def get_queryset(self) -> Any:
        return visible.workflows(self.request.user)

    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(WorkflowShape(page, many=True).data)

    @extend_schema(request=StartWorkflow, responses={202: WorkflowStarted})
    @once
    def create(self, request: Request) -> Response:
        """Run tasks, and if asked what they reach, as one workflow run in dependency order."""
        wish = self.body(StartWorkflow)
        tasks = definitions.all_of(self.person, visible_ids(wish.task_ids, by=self.person))
        run = workflows.start(
            tasks,
            by=self.person,
            with_upstream=wish.with_upstream,
            with_downstream=wish.with_downstream,
            name=wish.name,
            overrides=wish.overrides.given(),
            request_id=self.request_id,
        )
        url = reverse("workflow-detail", [run.pk], request=request)
        body = {"workflow_id": run.pk, "total": run.total, "status_url": url}
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": url})

    @extend_schema(responses=WorkflowStory)
    def retrieve(self, request: Request, id: str) -> Response:
        """One workflow run with the states of its nodes."""
        run = found(self.get_queryset(), id)
        return Response(
            {**WorkflowShape(run).data, "counts": graphs.counts(run), "graph": _graph(request, run, graphs.graph(run))}
        )

    @extend_schema(responses=GraphShape, parameters=[AFTER, PAGE_SIZE], filters=False)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def graph(self, request: Request, id: str) -> Response:
        """Further nodes of a large run, with the edges into them."""
        run = found(self.get_queryset(), id)
        given = request.query_params.get("after")
        after = as_id(given) if given is not None else None
        if given is not None and after is None:
            raise invalid("after", "Give the id of a node; take it from next.")
        page = graphs.graph(run, after=after, size=size_of(request.query_params, default=graphs.NODES))
        return Response(_graph(request, run, page))

    @extend_schema(request=Reason, responses=HowMany)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Cancel every node that has not ended."""
        run = found(self.get_queryset(), id)
        reason = self.body(Reason, optional=True).reason
        return Response({"count": control.cancel_workflow(run, by=self.person, reason=reason)})


def _graph(request: Request, run: WorkflowRun, page: graphs.Graph) -> dict[str, Any]:
    following = None
    if page.after is not None:
        url = reverse("workflow-graph", [run.pk], request=request)
        size = request.query_params.get("page_size", str(graphs.NODES))
        following = replace_query_param(replace_query_param(url, "after", page.after), "page_size", size)
    return {"next": following, "nodes": Node(page.nodes, many=True).data, "edges": Edge(page.links, many=True).data}
