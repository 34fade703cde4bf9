"""The ledger of due instants: what a plan says is written once, and only what was written is run.

Called by tick, rederive and scheduling with locked schedule rows and their plans. When something is due, and what is
to become of it, is decided before.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction

from tasks_app.domain.occurrences import Cause, Gap, Plan, Run
from tasks_app.domain.states import Actor, State
from tasks_app.engine import handmade, moves, trigger
from tasks_app.engine.opening import Opening
from tasks_app.engine.rows import execute, rows
from tasks_app.models import Occurrence

Planned = tuple[Any, Plan]

_INSERT = """
INSERT INTO fleet_occurrence (schedule_id, definition_id, due_at, last_due_at, count, outcome, late, reason)
SELECT * FROM jsonb_to_recordset(%(entries)s::jsonb) AS x(
    schedule_id bigint, definition_id uuid, due_at timestamptz, last_due_at timestamptz, count int, outcome text,
    late boolean, reason text)
ON CONFLICT (schedule_id, due_at) DO NOTHING RETURNING id, schedule_id, due_at
"""
_RUNS = """
INSERT INTO fleet_occurrence_run (occurrence_id, cause, generation, execution_id)
SELECT o, c, 0, e FROM unnest(%(occurrences)s::bigint[], %(causes)s::text[], %(executions)s::uuid[]) AS x(o, c, e)
"""


def write(planned: Sequence[Planned], *, now: datetime) -> None:
    """Record the plans of schedule rows and open the executions they ask for, each instant at most once.

    Rows have id, definition_id, periodic_task_id, grace_seconds and one_off. Requires a transaction.
    """
    entries = [entry for row, plan in planned for entry in _entries(row, plan, now=now)]
    if not entries:
        return
    inserted = rows(_INSERT, {"entries": json.dumps([entry for entry, _, _ in entries], default=str)})
    ids = {(row.schedule_id, row.due_at): row.id for row in inserted}
    new = [(row, what, ids[key]) for entry, row, what in entries if (key := (row.id, entry["due_at"])) in ids]
    _open_executions([found for found in new if found[0].definition_id is not None])
    fired = [
        handmade.Fired(row.id, row.periodic_task_id, occurrence, what.due_at, row.one_off)
        for row, what, occurrence in new
        if isinstance(what, Run) and (row.definition_id is None or row.one_off)
    ]
    if fired:
        transaction.on_commit(partial(handmade.after_commit, fired), robust=True)


def _entries(row: Any, plan: Plan, *, now: datetime) -> Iterator[tuple[dict[str, Any], Any, Gap | Run]]:
    shared = {"schedule_id": row.id, "definition_id": row.definition_id}
    for gap in plan.missed:
        missed = {"due_at": gap.first, "last_due_at": gap.last, "count": gap.count, "reason": gap.reason, "late": True}
        yield {**shared, **missed, "outcome": Occurrence.Outcome.MISSED}, row, gap
    for run in plan.runs:
        outcome = Occurrence.Outcome.RUN if run.cause is Cause.SCHEDULE else Occurrence.Outcome.CAUGHT_UP
        late = now - run.due_at > timedelta(seconds=row.grace_seconds)
        at = {"due_at": run.due_at, "last_due_at": None, "count": 1, "reason": "", "late": late}
        yield {**shared, **at, "outcome": outcome}, row, run


def _open_executions(new: Sequence[tuple[Any, Gap | Run, int]]) -> None:
    """Executions for the new entries; a gap is one, in state missed, so that the task's history shows it."""
    openings = [_opening(row, what, occurrence) for row, what, occurrence in new]
    runs = [opening for opening in openings if opening.state is not State.MISSED]
    if runs:
        trigger.open_for(runs, actor=Actor.BEAT)
    missed: dict[str, list[Opening]] = {}
    for (_, what, _), opening in zip(new, openings, strict=True):
        if isinstance(what, Gap):
            missed.setdefault(what.reason, []).append(opening)
    for reason, gaps in missed.items():
        moves.open_executions(gaps, actor=Actor.BEAT, reason=reason)
    if openings:
        execute(
            _RUNS,
            {
                "occurrences": [opening.occurrence_id for opening in openings],
                "causes": [opening.cause for opening in openings],
                "executions": [opening.id for opening in openings],
            },
        )


def _opening(row: Any, what: Gap | Run, occurrence: int) -> Opening:
    if isinstance(what, Run):
        cause, state, due = str(what.cause), State.PENDING, what.due_at
    else:
        cause, state, due = str(Cause.SCHEDULE), State.MISSED, what.first
    return Opening(definition_id=row.definition_id, cause=cause, state=state, due_at=due, occurrence_id=occurrence)
