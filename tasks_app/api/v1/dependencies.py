"""/dependencies/: the edges between tasks, one by one; they may also be written with their task."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from tasks_app.api.once import once
from tasks_app.api.resource import Resource, there
from tasks_app.api.v1.filters import DependencyFilters
from tasks_app.api.v1.wishes import NewDependency
from tasks_app.domain.refusals import invalid
from tasks_app.engine import authoring
from tasks_app.models import Dependency
from tasks_app.queries import definitions, single
from tasks_app.queries.keyset import Order


class DependencyShape(serializers.Serializer):
    """`task` waits for, or is started by, `upstream`."""

    id = serializers.IntegerField()
    task = serializers.UUIDField(source="downstream_id")
    task_name = serializers.CharField(source="downstream.name")
    upstream = serializers.UUIDField(source="upstream_id")
    upstream_name = serializers.CharField(source="upstream.name")
    condition = serializers.ChoiceField(Dependency.Condition.values)
    expression = serializers.CharField()
    delay_ms = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class Dependencies(Resource):
    """Dependencies between tasks. Those that would close a cycle are refused with its path."""

    serializer_class = DependencyShape
    filterset_class = DependencyFilters
    lookup_value_regex = "[0-9]{1,18}"
    order = Order(("id",))

    def get_queryset(self) -> Any:
        return definitions.edges(self.request.user)

    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(DependencyShape(page, many=True).data)

    def retrieve(self, request: Request, id: str) -> Response:
        """One edge."""
        return Response(DependencyShape(self._found(id)).data)

    @extend_schema(request=NewDependency, responses={201: DependencyShape})
    @once
    def create(self, request: Request) -> Response:
        """Let a task wait for another; refused if they would wait for each other."""
        wish = self.body(NewDependency)
        tasks = definitions.all_of(self.person, [wish.task])
        if not tasks:
            raise invalid("task", "There is no such task that you can see.")
        edge = {"task": str(wish.upstream), **wish.model_dump(include={"condition", "expression", "delay_ms"})}
        made = authoring.add_dependency(tasks[0], edge, by=self.person)
        return Response(DependencyShape(self._found(made.pk)).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Take an edge away."""
        authoring.remove_dependency(self._found(id), by=self.person)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _found(self, id: Any) -> Dependency:
        return there(single.by_key(self.get_queryset(), int(id)))
