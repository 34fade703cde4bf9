"""The end of a workflow run or a batch: judged from its executions when none is left open.

A statement of its own, after the commit of the last end: of two ends at once the later one sees both.
"""

from collections.abc import Collection
from uuid import UUID

from tasks_app.engine.rows import often, rows

_OPEN = "('blocked', 'scheduled', 'pending', 'running', 'retrying')"
_CLOSE_RUNS = f"""
UPDATE fleet_workflow_run r SET finished_at = now(), state = CASE
    WHEN EXISTS (SELECT 1 FROM fleet_execution e WHERE e.workflow_id = r.id AND NOT e.superseded
                 AND e.state IN ('failed', 'missed')) THEN 'failed'
    WHEN EXISTS (SELECT 1 FROM fleet_execution e WHERE e.workflow_id = r.id AND NOT e.superseded
                 AND e.state = 'cancelled') THEN 'cancelled'
    ELSE 'completed' END
WHERE r.id = ANY(%(ids)s::uuid[]) AND r.state = 'running'
  AND NOT EXISTS (SELECT 1 FROM fleet_execution e WHERE e.workflow_id = r.id AND e.state IN {_OPEN})
RETURNING r.id, r.state
"""
_CLOSE_BATCHES = f"""
UPDATE fleet_batch b SET finished_at = now(), state = CASE
    WHEN b.cancel_requested_at IS NOT NULL THEN 'cancelled'
    WHEN EXISTS (SELECT 1 FROM fleet_execution e WHERE e.batch_id = b.id AND NOT e.superseded
                 AND e.state IN ('failed', 'missed')) THEN 'failed'
    WHEN EXISTS (SELECT 1 FROM fleet_execution e WHERE e.batch_id = b.id AND NOT e.superseded
                 AND e.state = 'cancelled') THEN 'cancelled'
    ELSE 'completed' END
WHERE b.id = ANY(%(ids)s::uuid[]) AND b.state = 'running'
  AND NOT EXISTS (SELECT 1 FROM fleet_execution e WHERE e.batch_id = b.id AND e.state IN {_OPEN})
RETURNING b.id, b.state
"""


def close_runs(ids: Collection[UUID]) -> list[UUID]:
    """Close those of these workflow runs that have no open execution left; returns them."""
    return [row.id for row in often(_CLOSE_RUNS, {"ids": list(ids)})] if ids else []


def close_batches(ids: Collection[UUID]) -> list[UUID]:
    """Close those of these batches that have no open member left; returns them."""
    closed = [row.id for row in often(_CLOSE_BATCHES, {"ids": list(ids)})] if ids else []
    if closed:
        rows("DELETE FROM fleet_slot WHERE key = ANY(%(keys)s)", {"keys": [f"batch:{i}" for i in closed]})
    return closed
