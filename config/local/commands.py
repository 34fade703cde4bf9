"""The processes of a fleet: the one place their commands are written.

The supervisor's configuration is generated from it, docker-compose.yml is held equal to it by a test, and the
acceptance tests run it. Addresses, ports and passwords come through the environment, so the argv is the same anywhere.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

CELERY = ("celery", "-A", "config")
# Celery's warm shutdown waits for running tasks without limit; its cold one (SIGQUIT) honours
# `worker_soft_shutdown_timeout` and hands back what is not done. Supervisors send SIGTERM, so that is what it means.
WORKER_ENV = {"REMAP_SIGTERM": "SIGQUIT"}
POOLS = {"worker-main": ("main", "default,monitor"), "worker-scan": ("scan", "scan,script")}
CHILDREN = 2


@dataclass(frozen=True)
class Program:
    """One long-running process: how it is started and what it needs in its environment to be itself."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


WEB = Program(
    "web",
    (
        "gunicorn",
        "config.wsgi",
        *("--worker-class", "gthread", "--workers", "2", "--threads", "8"),
        *("--graceful-timeout", "10", "--no-control-socket"),
    ),
)
BEAT = Program("beat", (*CELERY, "beat", "-S", "tasks_app.worker.beat:Scheduler"))
FLOWER = Program("flower", (*CELERY, "flower"))
PREPARE = Program("prepare", ("python", "-m", "config.local.prepare"))


def worker(family: str, *, instance: int = 1) -> Program:
    """The n-th worker of a family (`worker-main`, `worker-scan`); node names differ, because Celery needs them to."""
    node, pools = POOLS[family]
    unique = node if instance == 1 else f"{node}-{instance}"
    argv = (*CELERY, "worker", "-Q", pools, "-n", f"{unique}@%h", "-c", str(CHILDREN), "-E")
    return Program(f"{family}-{instance}", argv, WORKER_ENV)


def node_of(program: Program) -> str:
    """The name under which a worker answers on this machine; empty for what is no worker."""
    if program.argv[: len(CELERY) + 1] != (*CELERY, "worker"):
        return ""
    return program.argv[program.argv.index("-n") + 1].replace("%h", socket.gethostname())
