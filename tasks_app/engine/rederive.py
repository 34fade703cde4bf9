"""Marked schedules brought up to date: the database's triggers notice edits in beat's tables, here they are read.

Called by the tick before it looks for what is due, in bounded batches. Writes our rows only, never beat's.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django_celery_beat.models import PeriodicTask

from tasks_app.domain.occurrences import Plan
from tasks_app.engine import due, ledger, timing
from tasks_app.engine.derivation import Derived, derive
from tasks_app.engine.rows import execute
from tasks_app.engine.timing import Timing

A_BATCH = 500
EDITED = "not run before its schedule was changed"

_MARKED = """
s.stale_at IS NOT NULL AND (%(only)s::bigint IS NULL OR s.id = %(only)s) ORDER BY s.stale_at LIMIT %(limit)s
"""
_WRITE = """
UPDATE fleet_schedule s SET text = x.text, timezone = x.timezone, enabled = x.enabled, anchor = x.anchor,
    start_at = x.start_at, end_at = x.end_at, next_due_at = x.next_due_at, error = x.error, stale_at = NULL
FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(
    id bigint, text text, timezone text, enabled boolean, anchor timestamptz, start_at timestamptz, end_at timestamptz,
    next_due_at timestamptz, error text)
WHERE s.id = x.id
"""


def rederive(*, now: datetime, only: int | None = None) -> int:
    """How many marked schedules were brought up to date, at most a batch. Requires a transaction."""
    marked = due.locked(_MARKED, {"only": only, "limit": A_BATCH})
    if marked:
        _bring_up_to_date(_without_orphans(marked), now=now)
    return len(marked)


def _without_orphans(marked: Sequence[Any]) -> list[Any]:
    """A hand-made PeriodicTask that is gone takes its schedule with it."""
    orphans = [row.id for row in marked if row.definition_id is None and row.periodic_task_id is None]
    if orphans:
        execute("DELETE FROM fleet_schedule WHERE id = ANY(%(ids)s)", {"ids": orphans})
    return [row for row in marked if row.id not in orphans]


def _bring_up_to_date(marked: Sequence[Any], *, now: datetime) -> None:
    # Read after the locks: whoever edits after this waits for our commit with the next mark.
    tasks = PeriodicTask.objects.select_related("crontab", "interval", "clocked").in_bulk(
        [row.periodic_task_id for row in marked if row.periodic_task_id]
    )
    derived = [(row, derive(row, tasks.get(row.periodic_task_id), now=now)) for row in marked]
    ledger.write([(row, _passed(row, to, now=now)) for row, to in derived], now=now)
    execute(_WRITE, {"rows": json.dumps([_values(row, to, now=now) for row, to in derived], default=str)})


def _passed(row: Any, to: Derived, *, now: datetime) -> Plan:
    """What was due by the old rule before the edit and did not run."""
    if not to.changed or row.next_due_at is None or row.stale_at < row.next_due_at:
        return Plan()
    return timing.plan(row, now=now, until=row.stale_at, reason=EDITED)


def _values(row: Any, to: Derived, *, now: datetime) -> dict[str, Any]:
    at: Timing = to.timing
    return {
        "id": row.id,
        "text": at.text,
        "timezone": at.timezone,
        "enabled": to.enabled,
        "anchor": at.anchor,
        "start_at": at.start_at,
        "end_at": at.end_at,
        "next_due_at": _next_due(row, to, now=now),
        "error": to.error,
    }


def _next_due(row: Any, to: Derived, *, now: datetime) -> datetime | None:
    if not to.enabled or not row.active or to.error:
        return None
    if not to.changed and row.next_due_at is not None:
        return row.next_due_at
    # A row never read before begins now; an edit counts from when it was made, also if no beat was there to see it.
    return to.timing.next_after(row.stale_at if row.text and to.changed else now)
