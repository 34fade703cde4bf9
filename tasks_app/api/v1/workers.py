"""/workers/: the fleet as its keepers report it."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tasks_app.api.resource import Resource
from tasks_app.engine.clock import policy
from tasks_app.queries import workers
from tasks_app.queries.keyset import Order


class WorkerShape(serializers.Serializer):
    """A Celery worker with its pool."""

    name = serializers.CharField()
    host = serializers.CharField()
    pid = serializers.IntegerField()
    alive = serializers.BooleanField()
    pools = serializers.ListField(child=serializers.CharField())
    concurrency = serializers.IntegerField()
    running = serializers.IntegerField()
    task_types = serializers.ListField(child=serializers.CharField())
    code_version = serializers.CharField()
    rss_kb = serializers.IntegerField(allow_null=True)
    started_at = serializers.DateTimeField()
    heartbeat_at = serializers.DateTimeField()
    stopped_at = serializers.DateTimeField(allow_null=True)


class Workers(Resource):
    """Workers, living and past."""

    serializer_class = WorkerShape
    filterset_class = None
    order = Order(("name",), descending=False)

    def get_queryset(self) -> Any:
        return workers.shown(fresh_for=policy().lease)

    def list(self, request: Request) -> Response:
        """By name."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(WorkerShape(page, many=True).data)
