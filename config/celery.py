"""The Celery application of the fleet."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("taskfleet")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery reads this one by its exact name, not by the namespace; without it every task opens a new connection.
app.conf["CELERY_DB_REUSE_MAX"] = 10**9
app.autodiscover_tasks(["tasks_app.worker"], related_name="tasks")
app.autodiscover_tasks()
