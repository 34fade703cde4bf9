"""A wish for an execution: what `moves.open_executions` turns into rows, and whether one goes to the broker at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tasks_app.domain.states import State
from tasks_app.engine.queue import SENT, UNSENT
from tasks_app.models.fields import new_id

LATER = "SELECT false AS goes, false AS behind, 0 AS out"
# Nothing waits before it, no dispatcher of its pool is at work, and the workers may have one more in hand: it goes at
# once. Dispatchers stand back until it is committed. `fleet_may_go` (migration 0003) counts again under their lock.
AT_ONCE = f"""
    SELECT b.out, b.behind,
        CASE WHEN b.due AND NOT b.behind THEN fleet_may_go(b.pool, b.most) ELSE false END AS goes
    FROM (SELECT r.*, CASE WHEN r.out >= r.most THEN true ELSE EXISTS (
            SELECT 1 FROM fleet_execution e WHERE e.pool = r.pool AND {UNSENT}) END AS behind
        FROM (SELECT v.pool, (%(most)s::jsonb ->> v.pool)::int AS most,
                o.state = 'pending' AND (d.status = 'active' OR o.forced) AS due,
                (SELECT count(*) FROM fleet_execution e WHERE e.pool = v.pool AND {SENT}) AS out
            FROM o JOIN fleet_definition d ON d.id = o.definition_id
                   JOIN fleet_definition_version v ON v.id = d.current_version_id LIMIT 1) r
        OFFSET 0) b
"""
UNGATED = "WHERE NOT EXISTS (SELECT 1 FROM fleet_dependency p WHERE p.downstream_id = o.definition_id)"


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Type, pool, priority, owner and limits come from the definition's current version unless given here."""

    definition_id: UUID
    cause: str
    state: State = State.PENDING
    id: UUID = field(default_factory=new_id)
    priority: int | None = None
    overrides: Mapping[str, Any] | None = None
    run_at: datetime | None = None
    delay_ms: int = 0
    due_at: datetime | None = None
    forced: bool = False
    workflow_id: UUID | None = None
    waiting_for: int = 0
    open_links: int = 0
    times_out: bool = False
    batch_id: UUID | None = None
    batch_position: int | None = None
    generation: int = 0
    parent_id: UUID | None = None
    rerun_of: UUID | None = None
    occurrence_id: int | None = None
