"""The river without Celery: everything that is due is claimed, run and finished in this process."""

import itertools

from tasks_app.engine import dispatch
from tasks_app.engine.claim import Seat
from tasks_app.engine.rows import execute, rows
from tasks_app.engine.visit import visit

_celery_ids = itertools.count(1)


def drain(*, hurry: bool = False, most: int = 10_000) -> int:
    """Run until nothing is pending; `hurry` brings forward what waits for a time. Returns how many runs there were."""
    count = 0
    while count < most:
        if hurry:
            execute("UPDATE fleet_execution SET run_at = now() WHERE state IN ('scheduled', 'retrying')")
        dispatch._wake()
        waiting = rows(
            "SELECT id FROM fleet_execution WHERE state = 'pending' AND NOT held AND waiting_slot IS NULL "
            "ORDER BY queue_at, batch_position, id LIMIT 500"
        )
        if not waiting:
            return count
        for row in waiting:
            count += 1
            visit(row.id, seat=seat(), desk=lambda held: None)
    raise AssertionError(f"still something to run after {most} runs")


def seat(worker: str = "test@here") -> Seat:
    return Seat(worker=worker, pid=1, celery_id=f"celery-{next(_celery_ids)}")
