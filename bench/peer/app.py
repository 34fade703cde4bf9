"""The peer's Celery application and its one task."""

import os
from typing import Any

from celery import Celery, signals

app = Celery("peer")
app.conf.update(
    broker_url=os.environ["PEER_BROKER_URL"],
    broker_connection_retry_on_startup=True,
    result_backend="django-db",
    result_extended=True,
    task_track_started=True,
    task_default_queue="peer",
    timezone="UTC",
)
app.conf["CELERY_DB_REUSE_MAX"] = 10**9


@app.task(name="peer.noop", bind=True)
def noop(self: Any) -> str:
    """The same work as ours: one line to a file."""
    handle = os.open(os.environ["PEER_LINES"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    try:
        os.write(handle, f"{self.request.id}\n".encode())
    finally:
        os.close(handle)
    return "appended"


@signals.before_task_publish.connect
def _row_first(headers: Any = None, **_: Any) -> None:
    """The row exists before its message does."""
    from django_celery_results.models import TaskResult  # noqa: PLC0415 - Django is set up by then

    TaskResult.objects.create(
        task_id=headers["id"],
        task_name=headers["task"],
        task_args=headers["argsrepr"],
        task_kwargs=headers["kwargsrepr"],
        status="PENDING",
    )
