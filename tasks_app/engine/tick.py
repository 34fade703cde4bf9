"""Due schedules become executions: the one place where time turns into work.

`tick_once` is called by every beat, any number of them at once; `occurrence_due` by a worker when beat's own scheduler
sent a projection. A tick costs what is due: one look at two small indexes when nothing is.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from tasks_app.broker.fuse import FUSE
from tasks_app.domain.occurrences import Overlap, Plan
from tasks_app.domain.states import OPEN
from tasks_app.engine import due, ledger, timing
from tasks_app.engine.clock import database_now, once_more
from tasks_app.engine.rederive import rederive
from tasks_app.engine.rows import execute, one, rows

log = structlog.get_logger(__name__)

A_TICK = 1_000
# Two clocks never agree: a projection sent this much too early is still about the instant it was sent for.
AHEAD = timedelta(seconds=1)

_WAITING = """
SELECT EXISTS (SELECT 1 FROM fleet_schedule WHERE stale_at IS NOT NULL) AS stale,
    extract(epoch FROM (SELECT next_due_at FROM fleet_schedule WHERE next_due_at IS NOT NULL
        ORDER BY next_due_at LIMIT 1) - clock_timestamp())::float AS due_in
"""
_DUE = "s.next_due_at <= %(now)s AND s.stale_at IS NULL AND (s.definition_id IS NOT NULL OR %(broker)s)"
_ADVANCE = """
UPDATE fleet_schedule s SET next_due_at = x.next_due_at, last_due_at = coalesce(x.last_due_at, s.last_due_at),
    enabled = s.enabled AND NOT x.spent, error = x.error
FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(
    id bigint, next_due_at timestamptz, last_due_at timestamptz, spent boolean, error text)
WHERE s.id = x.id
"""
_UNDER_WAY = """
SELECT DISTINCT definition_id FROM fleet_execution
WHERE definition_id = ANY(%(ids)s) AND state = ANY(%(open)s) AND cause IN ('schedule', 'catch_up')
"""


def seconds_until_due() -> float | None:
    """How long nothing will be due; 0 when something is, None when no schedule has a next instant."""
    waiting = one(_WAITING)
    assert waiting is not None  # a statement without a table gives one row
    if waiting.stale:
        return 0.0
    return None if waiting.due_in is None else max(0.0, waiting.due_in)


def tick_once(limit: int = A_TICK) -> int:
    """How many schedules were brought up to date or advanced; 0 when there was nothing to do. Opens a transaction."""
    return _tick(limit) if seconds_until_due() == 0 else 0


@once_more
def _tick(limit: int) -> int:
    with transaction.atomic():
        now = database_now()
        derived = rederive(now=now)
        params = {"now": now, "broker": not FUSE.blown, "limit": limit}
        found = due.locked(f"{_DUE} ORDER BY s.next_due_at LIMIT %(limit)s", params)
        advance(found, now=now)
        return derived + len(found)


@once_more
def occurrence_due(schedule_id: int) -> int:
    """Advance one schedule if it is due: what a projection's Celery task does. Opens a transaction."""
    with transaction.atomic():
        now = database_now()
        rederive(now=now, only=schedule_id)
        params = {"now": now + AHEAD, "broker": True, "id": schedule_id}
        found = due.locked(f"{_DUE} AND s.id = %(id)s", params, skip_locked=False)
        advance(found, now=max([now, *(row.next_due_at for row in found)]))
        return len(found)


def advance(found: Sequence[Any], *, now: datetime) -> None:
    """Turn what is due of these locked rows into executions and gaps, and give each its next instant.

    Requires a transaction.
    """
    busy = _under_way([row.definition_id for row in found if row.overlap == Overlap.SKIP and row.definition_id])
    moved = [(row, *_judged(row, now=now, busy=row.definition_id in busy)) for row in found]
    ledger.write([(row, plan) for row, plan, _ in moved], now=now)
    if moved:
        execute(_ADVANCE, {"rows": json.dumps([values for _, _, values in moved], default=str)})


def _judged(row: Any, *, now: datetime, busy: bool) -> tuple[Plan, dict[str, Any]]:
    """A row's plan and its new values. One that cannot be understood is put aside: the others must go on."""
    try:
        plan = timing.plan(row, now=now, under_way=int(busy)) if row.active and row.enabled else Plan()
        following = timing.Timing.of(row).next_after(now) if row.active and row.enabled else None
    except Exception as exc:
        log.exception("schedule.broken", schedule=row.id)
        return Plan(), _values(row, None, error=f"It cannot be worked out when this is due: {exc}. Set it again.")
    if row.one_off and plan.runs:
        plan = replace(plan, runs=plan.runs[-1:])
        return plan, _values(row, None, plan=plan, spent=True)
    return plan, _values(row, following, plan=plan)


def _values(
    row: Any, following: datetime | None, *, plan: Plan | None = None, spent: bool = False, error: str = ""
) -> dict[str, Any]:
    last = max((run.due_at for run in plan.runs), default=None) if plan else None
    return {"id": row.id, "next_due_at": following, "last_due_at": last, "spent": spent, "error": error}


def _under_way(definitions: Sequence[UUID]) -> set[UUID]:
    """Those whose last scheduled run has not ended."""
    if not definitions:
        return set()
    found = rows(_UNDER_WAY, {"ids": definitions, "open": sorted(OPEN)})
    return {row.definition_id for row in found}
