"""The canonical API's addresses."""

from django.urls import URLPattern, URLResolver, path, re_path
from rest_framework.routers import SimpleRouter

from tasks_app.api.nowhere import nowhere
from tasks_app.api.v1 import auth
from tasks_app.api.v1.batches import Batches
from tasks_app.api.v1.dependencies import Dependencies
from tasks_app.api.v1.executions import Executions
from tasks_app.api.v1.schedules import Schedules
from tasks_app.api.v1.task_types import TaskTypes
from tasks_app.api.v1.tasks import Tasks
from tasks_app.api.v1.templates import Templates
from tasks_app.api.v1.workers import Workers
from tasks_app.api.v1.workflows import Workflows

router = SimpleRouter()
router.register("tasks", Tasks, basename="task")
router.register("executions", Executions, basename="execution")
router.register("batches", Batches, basename="batch")
router.register("workflows", Workflows, basename="workflow")
router.register("schedules", Schedules, basename="schedule")
router.register("templates", Templates, basename="template")
router.register("task-types", TaskTypes, basename="task-type")
router.register("dependencies", Dependencies, basename="dependency")
router.register("workers", Workers, basename="worker")

urlpatterns: list[URLPattern | URLResolver] = [
    path("auth/token/", auth.Token.as_view(), name="token"),
    path("auth/token/refresh/", auth.Refresh.as_view(), name="token-refresh"),
    path("auth/token/verify/", auth.Verify.as_view(), name="token-verify"),
    *router.urls,
    re_path(r"^.*$", nowhere),
]
