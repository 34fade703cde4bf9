"""/templates/: definitions not yet adopted, and their adoption."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from tasks_app.api.once import once
from tasks_app.api.resource import Resource, as_id, found, there
from tasks_app.api.v1.filters import TemplateFilters
from tasks_app.api.v1.task_shapes import TaskShape
from tasks_app.api.v1.wishes import Adopt
from tasks_app.engine import templates
from tasks_app.engine.drafts import etag
from tasks_app.models import Template
from tasks_app.queries import definitions, single, visible
from tasks_app.queries.keyset import Order


class TemplateShape(serializers.Serializer):
    """A task in waiting: `content` holds its fields, `required` the config that adoption must give."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    task_type = serializers.CharField()
    content = serializers.DictField()
    required = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    version = serializers.IntegerField()
    built_in = serializers.BooleanField()
    visibility = serializers.ChoiceField(Template.Visibility.values)
    updated_at = serializers.DateTimeField()


class Templates(Resource):
    """Templates, named by id or slug."""

    serializer_class = TemplateShape
    filterset_class = TemplateFilters
    lookup_value_regex = "[A-Za-z0-9_-]{1,100}"
    order = Order(("slug",), descending=False)

    def get_queryset(self) -> Any:
        return visible.templates(self.request.user)

    def list(self, request: Request) -> Response:
        """By slug."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(TemplateShape(page, many=True).data)

    def retrieve(self, request: Request, id: str) -> Response:
        """One template."""
        return Response(TemplateShape(self._found(id)).data)

    @extend_schema(request=Adopt, responses={201: TaskShape}, filters=False)
    @action(detail=True, methods=["post"])
    @once
    def adopt(self, request: Request, id: str) -> Response:
        """Make a task from a template."""
        made = templates.adopt(self._found(id), request.data, by=self.person)
        task = found(definitions.shown(None), made.pk)
        headers = {"ETag": etag(task), "Location": reverse("task-detail", [task.pk], request=request)}
        return Response(TaskShape(task).data, status=status.HTTP_201_CREATED, headers=headers)

    def _found(self, id: str) -> Template:
        given = as_id(id)
        key, field = (id, "slug") if given is None else (given, "pk")
        return there(single.by_key(self.get_queryset(), key, field=field))
