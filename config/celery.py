"""The Celery application of the fleet."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("taskfleet")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery reads this one by its exact name, not by the namespace; without it every task opens a new connection.
app.conf["CELERY_DB_REUSE_MAX"] = 10**9


@setup_logging.connect
def _logs_are_ours(**_: Any) -> None:
    """With a receiver Celery sets up no logging of its own: every process writes what Django's LOGGING says."""


app.autodiscover_tasks(["tasks_app.worker"], related_name="tasks")
app.autodiscover_tasks()
