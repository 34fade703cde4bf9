"""Django's entry to the app."""

from django.apps import AppConfig


class TasksAppConfig(AppConfig):
    """The one Django app of Taskfleet."""

    name = "tasks_app"
    verbose_name = "Taskfleet"
    default_auto_field = "django.db.models.BigAutoField"
