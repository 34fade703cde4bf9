"""The keeper's statements: renew what lives, hear who must stop, end what died."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from executors.errors import Failure
from tasks_app.domain.states import Actor
from tasks_app.engine import held
from tasks_app.engine.clock import policy
from tasks_app.engine.finish import Finished, Outcome, finish, lost
from tasks_app.engine.rows import one, rows

# One statement: renewed where a third of the lease has gone by, looked at in any case.
_RENEW = """
WITH mine AS (
    SELECT a.id, a.execution_id, e.cancel_requested_at IS NOT NULL AS cancelled,
        coalesce(a.deadline_at < clock_timestamp(), false) AS overdue
    FROM fleet_attempt a JOIN fleet_execution e ON e.id = a.execution_id
    WHERE a.id = ANY(%(ids)s) AND a.finished_at IS NULL AND e.attempt_id = a.id AND e.state = 'running'
), renewed AS (
    UPDATE fleet_attempt a SET lease_until = clock_timestamp() + %(lease)s
    FROM (SELECT a.id FROM fleet_attempt a JOIN mine ON mine.id = a.id
          WHERE a.lease_until < clock_timestamp() + %(lease)s * 2 / 3 ORDER BY a.id FOR UPDATE OF a) r
    WHERE a.id = r.id AND a.finished_at IS NULL
)
SELECT id, execution_id, cancelled, overdue FROM mine
"""


def renew(attempt_ids: Sequence[int]) -> list[Any]:
    """Rows (id, execution_id, cancelled, overdue) of the attempts that are still theirs who hold them."""
    return rows(_RENEW, {"ids": list(attempt_ids), "lease": policy().lease})


def bury(execution_id: UUID, attempt_id: int, *, why: str) -> Finished | None:
    """The child that held this attempt is dead: end it by what is known of it. None when it had ended already."""
    holding = held.of_attempt(execution_id, attempt_id)
    if holding is None:
        return None
    overdue = one("SELECT deadline_at < clock_timestamp() AS yes FROM fleet_attempt WHERE id = %s", [attempt_id])
    if overdue and overdue.yes:
        seconds = holding.timeout.total_seconds()
        failure = Failure("timeout", f"Timed out after {seconds:g} s and had to be killed.")
        return finish(holding, Outcome(failure=failure), actor=Actor.KEEPER)
    return lost(holding, actor=Actor.KEEPER, why=why)
