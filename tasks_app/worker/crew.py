"""The worker's own life: its keeper is started before the pool forks and kept running; its children are prepared.

Celery's signals are connected here, once, by `tasks.py`.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import structlog
from celery.signals import worker_init, worker_process_init, worker_shutting_down
from django.db import connections

from tasks_app.broker import producers
from tasks_app.engine.enlist import runnable
from tasks_app.worker import desk

log = structlog.get_logger(__name__)
_ending = threading.Event()


@worker_init.connect
def _begin(sender: Any = None, **_: Any) -> None:
    """In the main process, before the pool: the desk and the keeper."""
    runnable()  # loaded once, not by each child at its first task
    directory = Path(tempfile.mkdtemp(prefix="taskfleet-desk-"))
    desk.open_desk(directory)
    pools = ",".join(sender.app.amqp.queues.consume_from) or sender.app.conf.task_default_queue
    command = [sys.executable, "-m", "tasks_app.worker", sender.hostname, str(os.getpid()), pools]
    threading.Thread(
        target=_keep, args=([*command, str(sender.concurrency or 1), str(directory)], directory), daemon=True
    ).start()
    connections.close_all()  # a socket must not be shared with the children


def _keep(command: list[str], directory: Path) -> None:
    """Start the keeper again whenever it ends; without it nobody renews a lease here."""
    while not _ending.is_set():
        keeper = subprocess.Popen(command, env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"})
        code = keeper.wait()
        if not _ending.is_set():
            log.warning("worker.keeper_ended", code=code)
            _ending.wait(0.5)
    with contextlib.suppress(OSError):
        shutil.rmtree(directory)


@worker_shutting_down.connect
def _end(**_: Any) -> None:
    _ending.set()


@worker_process_init.connect
def _prepare_child(**_: Any) -> None:
    """In each pool child: a process group of its own, and no socket of the parent's."""
    with contextlib.suppress(PermissionError):
        os.setpgid(0, 0)
    producers.forget()
    for connection in connections.all(initialized_only=True):
        connection.connection = None
