"""The fleet now, in a handful of reads whose cost does not grow with the tables: indexes and bounds only.

Called by the admin's dashboard every few seconds. What may be large is counted up to `BOUND`, then it is "more".
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from tasks_app.models import Execution, LoopLease, Schedule, Slot, Worker
from tasks_app.queries.estimates import Rows, up_to

BOUND = 1_000
RECENT = 10


@dataclass(frozen=True)
class Now:
    """The numbers of the tiles, the last runs, who works and which loops run."""

    at: datetime
    running: Rows
    due_in_an_hour: Rows
    failed_today: Rows
    missed_today: Rows
    workers: list[Worker]
    loops: list[LoopLease]
    slots: list[Slot]
    failures: list[Execution]
    recent: list[Execution]
    queues: "list[Queue]" = field(default_factory=list)


@dataclass(frozen=True)
class Queue:
    """One pool: what waits to go out, what is out and not yet claimed, and since when the oldest is ready."""

    pool: str
    waiting: Rows
    out: Rows
    oldest_seconds: float | None


def now() -> Now:
    """Everything the dashboard shows but the chart."""
    at = _clock()
    day_ago = at - timedelta(days=1)
    newest = Execution.objects.order_by("-created_at", "-id")
    named = newest.select_related("definition")
    return Now(
        at=at,
        running=up_to(BOUND, newest.filter(state="running")),
        due_in_an_hour=_due(at + timedelta(hours=1)),
        failed_today=up_to(BOUND, newest.filter(state="failed", created_at__gt=day_ago)),
        missed_today=up_to(BOUND, newest.filter(state="missed", created_at__gt=day_ago)),
        workers=alive_workers(at),
        loops=list(LoopLease.objects.order_by("name")),
        slots=list(Slot.objects.filter(used__gt=0).order_by("-used", "key")[:RECENT]),
        failures=list(named.filter(state="failed")[:RECENT]),
        recent=list(named[:RECENT]),
        queues=_queues(settings.TASKFLEET.pools),
    )


def alive_workers(at: datetime) -> list[Worker]:
    """Workers whose keeper was heard of within two leases."""
    fresh = at - 2 * settings.TASKFLEET.lease
    return list(Worker.objects.filter(stopped_at=None, heartbeat_at__gt=fresh).order_by("name"))


def _clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def _due(until: datetime) -> Rows:
    schedules = up_to(BOUND, Schedule.objects.filter(next_due_at__lte=until).order_by("next_due_at"))
    waiting = Execution.objects.filter(state__in=["scheduled", "retrying"], run_at__lte=until).order_by("run_at")
    executions = up_to(BOUND, waiting)
    return Rows(schedules.number + executions.number, capped=schedules.capped or executions.capped)


_READY = "queue_at + priority * interval '10 minutes' AS ready_at"
# Each part is ordered as its partial index is, so that the database never looks for the rows in the table itself.
_QUEUES = f"""
SELECT p.pool, w.n, o.n, b.n,
       extract(epoch FROM clock_timestamp() - least(w.ready_at, o.ready_at, b.ready_at))
  FROM unnest(%(pools)s::text[]) WITH ORDINALITY AS p(pool, place)
 CROSS JOIN LATERAL (SELECT count(*) AS n, min(ready_at) AS ready_at FROM (
        SELECT {_READY} FROM fleet_execution WHERE pool = p.pool AND queue_at IS NOT NULL AND NOT held
           AND waiting_slot IS NULL AND sent_at IS NULL AND batch_id IS NULL
         ORDER BY turn_key, queue_at LIMIT %(bound)s + 1) x) w
 CROSS JOIN LATERAL (SELECT count(*) AS n, min(ready_at) AS ready_at FROM (
        SELECT {_READY} FROM fleet_execution WHERE pool = p.pool
           AND sent_at IS NOT NULL ORDER BY resend_at LIMIT %(bound)s + 1) x) o
  LEFT JOIN (SELECT pool, count(*) AS n, min(ready_at) AS ready_at FROM (
        SELECT pool, {_READY} FROM fleet_execution WHERE queue_at IS NOT NULL AND batch_id IS NOT NULL
         ORDER BY batch_id, queue_at, batch_position LIMIT %(bound)s + 1) x GROUP BY pool) b ON b.pool = p.pool
 ORDER BY p.place
"""


def _queues(pools: tuple[str, ...]) -> list[Queue]:
    with connection.cursor() as cursor:
        cursor.execute(_QUEUES, {"pools": list(pools), "bound": BOUND})
        return [_queue(row) for row in cursor.fetchall()]


def _queue(row: tuple[Any, ...]) -> Queue:
    pool, waiting, out, in_batches, age = row
    total = waiting + (in_batches or 0)
    return Queue(
        pool=pool,
        waiting=Rows(min(total, BOUND), capped=total > BOUND),
        out=Rows(min(out, BOUND), capped=out > BOUND),
        oldest_seconds=None if age is None else max(0.0, float(age)),
    )
