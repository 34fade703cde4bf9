"""/task-types/: the kinds of task, each with the JSON Schema of its config, so that forms can build themselves."""

from typing import Any, cast

from django.http import Http404
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tasks_app.api.resource import Resource
from tasks_app.engine.clock import policy
from tasks_app.queries import task_types


class TaskTypeRow(serializers.Serializer):
    """A kind of task."""

    task_type = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    pool = serializers.CharField()
    timeout_seconds = serializers.FloatField(allow_null=True)
    idempotent = serializers.BooleanField(allow_null=True)
    available_here = serializers.BooleanField(help_text="whether this server can check its config")
    reason = serializers.CharField(help_text="why not")
    workers = serializers.IntegerField(help_text="living workers that can run it")


class TaskTypeStory(TaskTypeRow):
    """A kind of task with the JSON Schema of its config."""

    schema = serializers.DictField(allow_null=True)


class TaskTypeList(serializers.Serializer):
    """Every kind of task."""

    results = TaskTypeStory(many=True)


_ONE_LIST: Any = cast(Any, forced_singular_serializer)(TaskTypeList)


@extend_schema(parameters=[OpenApiParameter("task_type", str, OpenApiParameter.PATH)])
class TaskTypes(Resource):
    """Task types: what `task_type` may say. Any spelling is understood: price-alert, price_alert, PriceAlert."""

    serializer_class = TaskTypeStory
    pagination_class = None
    filter_backends = ()
    lookup_field = "task_type"
    lookup_value_regex = "[A-Za-z0-9_-]{1,60}"

    @extend_schema(responses=_ONE_LIST)
    def list(self, request: Request) -> Response:
        """Every kind of task, with the JSON Schema of its config."""
        found = task_types.all_types(fresh_for=policy().lease)
        return Response({"results": TaskTypeStory(found, many=True).data})

    def retrieve(self, request: Request, task_type: str) -> Response:
        """One kind of task."""
        return Response(TaskTypeStory(self._found(task_type)).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, url_path="schema", url_name="schema")
    def config_schema(self, request: Request, task_type: str) -> Response:
        """The JSON Schema of the config of one kind of task."""
        found = self._found(task_type)
        if found.schema is None:
            raise Http404
        return Response({"$schema": "https://json-schema.org/draft/2020-12/schema", **found.schema})

    def _found(self, task_type: str) -> Any:
        found = task_types.one(task_type, fresh_for=policy().lease)
        if found is None:
            raise Http404
        return found
