"""Workers of the fleet: a row each, kept fresh by the keeper."""

import socket
from collections.abc import Sequence

from django.db import transaction

from executors import registry
from tasks_app.engine import slots
from tasks_app.engine.clock import policy
from tasks_app.engine.rows import execute

_ENLIST = """
INSERT INTO fleet_worker (name, host, pid, pools, concurrency, code_version, task_types, running, started_at,
    heartbeat_at)
VALUES (%(name)s, %(host)s, %(pid)s, %(pools)s, %(concurrency)s, %(version)s, %(types)s, 0, now(), now())
ON CONFLICT (name) DO UPDATE SET host = excluded.host, pid = excluded.pid, pools = excluded.pools,
    concurrency = excluded.concurrency, code_version = excluded.code_version, task_types = excluded.task_types,
    started_at = now(), heartbeat_at = now(), stopped_at = NULL, running = 0
"""
_BEAT = """
UPDATE fleet_worker SET heartbeat_at = clock_timestamp(), stopped_at = NULL, running = %(running)s, rss_kb = %(rss)s
WHERE name = %(name)s AND pid = %(pid)s
"""


def runnable() -> list[str]:
    """The task types that a worker can run here; from the first call on their code is loaded."""
    return list(registry.available())


def enlist(name: str, *, pid: int, pools: Sequence[str], concurrency: int) -> None:
    """A worker has started. Opens a transaction."""
    with transaction.atomic():
        execute(
            _ENLIST,
            {
                "name": name,
                "host": socket.gethostname(),
                "pid": pid,
                "pools": list(pools),
                "concurrency": concurrency,
                "version": policy().code_version,
                "types": runnable(),
            },
        )
        slots.sync_configured()


def heartbeat(name: str, *, pid: int, running: int, rss_kb: int | None) -> None:
    """A worker lives."""
    execute(_BEAT, {"name": name, "pid": pid, "running": running, "rss": rss_kb})


def discharge(name: str, *, pid: int) -> None:
    """A worker has ended in good order."""
    execute("UPDATE fleet_worker SET stopped_at = now(), running = 0 WHERE name = %s AND pid = %s", [name, pid])
