"""/tasks/: the definitions people write and edit; running them stands in `task_runs`."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from tasks_app.api.once import once
from tasks_app.api.resource import Resource, flag, found
from tasks_app.api.v1.filters import TaskFilters
from tasks_app.api.v1.task_runs import RunsTasks
from tasks_app.api.v1.task_shapes import READ_ONLY, TaskShape, VersionShape
from tasks_app.api.v1.wishes import Clone
from tasks_app.api.v1.written import (
    BulkAnswer,
    BulkChecked,
    BulkTasks,
    BulkTasksInFull,
    Check,
    Checked,
    NewTask,
    TaskChanges,
    WholeTask,
)
from tasks_app.engine import authoring
from tasks_app.engine.drafts import etag
from tasks_app.engine.reading import mapping, read
from tasks_app.models import TaskDefinition
from tasks_app.queries import definitions, visible
from tasks_app.queries.keyset import Order

R = TypeVar("R")
DRY = (OpenApiParameter("validate_only", bool, description="Check everything, write nothing."),)
IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="Refuse if the ETag has changed.")


@extend_schema_view(list=extend_schema(description="Newest first; archived tasks only with `status=archived`."))
class Tasks(RunsTasks, Resource):
    """Tasks: what is to be done, when, after what, and what follows a failure."""

    serializer_class = TaskShape
    filterset_class = TaskFilters
    paged = frozenset({"versions"})
    extra_query = {"create": DRY, "update": DRY, "partial_update": DRY, "bulk": DRY}

    def get_queryset(self) -> Any:
        return definitions.shown(self.request.user)

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(TaskShape(page, many=True).data)

    def retrieve(self, request: Request, id: str) -> Response:
        """One task, by its id."""
        task = found(self.get_queryset(), id)
        return Response(TaskShape(task).data, headers={"ETag": etag(task)})

    @extend_schema(request=NewTask, responses={201: TaskShape, 200: Checked})
    @once
    def create(self, request: Request) -> Response:
        """Write a task. It is owned by whoever writes it."""
        body = self.body(NewTask)
        if body.validate_only or flag(request, "validate_only"):
            return self._checked(lambda: authoring.create(body, by=self.person))
        return self.shown(authoring.create(body, by=self.person), status.HTTP_201_CREATED)

    @extend_schema(request=WholeTask, responses={200: TaskShape}, parameters=[IF_MATCH])
    def update(self, request: Request, id: str) -> Response:
        """Replace a task: what is absent gets its default. Changed content becomes a new version."""
        return self._edit(id, whole=True)

    @extend_schema(request=TaskChanges, responses={200: TaskShape}, parameters=[IF_MATCH])
    def partial_update(self, request: Request, id: str) -> Response:
        """Change some fields of a task. Changed content becomes a new version."""
        return self._edit(id, whole=False)

    @extend_schema(responses={204: None}, description="Archives: its history stays, what waits or runs is cancelled.")
    def destroy(self, request: Request, id: str) -> Response:
        task = found(self.get_queryset(), id)
        self._only_administrators(task)
        authoring.archive(task, by=self.person)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=BulkTasksInFull, responses={201: BulkAnswer, 200: BulkChecked})
    @action(detail=False, methods=["post"])
    @once
    def bulk(self, request: Request) -> Response:
        """Write up to 10,000 tasks that may depend on each other by name; all of them or none."""
        body = self.body(BulkTasks)
        if body.validate_only or flag(request, "validate_only"):
            _undone(lambda: authoring.create_many(body.tasks, by=self.person))
            return Response({"valid": True, "would_create": len(body.tasks)})
        made = authoring.create_many(body.tasks, by=self.person)
        rows = [{"id": task.pk, "name": task.name} for task in made]
        return Response({"created": len(rows), "results": rows}, status=status.HTTP_201_CREATED)

    @extend_schema(request=Clone, responses={201: TaskShape}, description="The copy starts paused.")
    @action(detail=True, methods=["post"])
    @once
    def clone(self, request: Request, id: str) -> Response:
        task = found(self.get_queryset(), id)
        name = self.body(Clone, optional=True).name or f"{task.name[:190]} copy"
        return self.shown(authoring.clone(task, by=self.person, name=name), status.HTTP_201_CREATED)

    @extend_schema(responses=VersionShape(many=True), filters=False, description="Newest first.")
    @action(detail=True, filterset_class=None)
    def versions(self, request: Request, id: str) -> Response:
        self.order = Order(("number",))
        page = self.paginate_queryset(definitions.versions(found(self.get_queryset(), id)))
        return self.get_paginated_response(VersionShape(page, many=True).data)

    def shown(self, task: TaskDefinition, http_status: int = status.HTTP_200_OK) -> Response:
        """A task as it now stands, with its ETag, and its address when it is new."""
        task = found(definitions.shown(None), task.pk)
        headers = {"ETag": etag(task)}
        if http_status == status.HTTP_201_CREATED:
            headers["Location"] = reverse("task-detail", [task.pk], request=self.request)
        return Response(TaskShape(task).data, status=http_status, headers=headers)

    def _edit(self, id: str, *, whole: bool) -> Response:
        task = found(self.get_queryset(), id)
        sent = mapping(self.request.data)
        check = read(Check, {name: sent[name] for name in Check.model_fields if name in sent})
        changes = {name: value for name, value in sent.items() if name not in {*READ_ONLY, *Check.model_fields}}
        if "assignees" in changes and changes["assignees"] != TaskShape().get_assignees(task):
            self._only_administrators(task)

        def edit() -> TaskDefinition:
            return authoring.update(
                task,
                changes,
                by=self.person,
                whole=whole,
                expected_version=check.version,
                expected_etag=self._if_match(task),
            )

        if check.validate_only or flag(self.request, "validate_only"):
            return self._checked(edit)
        return self.shown(edit())

    def _if_match(self, task: TaskDefinition) -> str | None:
        """The ETag the editor insists on; with several, any that is the present one."""
        wanted = [tag.strip().removeprefix("W/") for tag in self.request.headers.get("If-Match", "*").split(",")]
        if "*" in wanted:
            return None
        return etag(task) if etag(task) in wanted else wanted[0]

    def _only_administrators(self, task: TaskDefinition) -> None:
        if not visible.may_administer(task, self.person):
            raise PermissionDenied("Only the owner of this task and staff may do this.")

    def _checked(self, write: Callable[[], TaskDefinition]) -> Response:
        shape = _undone(lambda: TaskShape(found(definitions.shown(None), write().pk)).data)
        return Response({"valid": True, "task": shape})


class _Undo(Exception):
    """Ends a transaction that was only tried."""


def _undone(work: Callable[[], R]) -> R:
    """What `work` gives, with everything it wrote taken back."""
    try:
        with transaction.atomic():
            answer = work()
            raise _Undo
    except _Undo:
        return answer
