"""Django's entry to the app."""

from django.apps import AppConfig
from django.conf import settings

from executors import registry


class TasksAppConfig(AppConfig):
    """The one Django app of Taskfleet."""

    name = "tasks_app"
    verbose_name = "Taskfleet"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Read the executors an operator added; a mistake there is found at start."""
        registry.load(settings.TASKFLEET.executor_paths)
