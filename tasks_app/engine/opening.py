"""A wish for an execution: what `moves.open_executions` turns into rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tasks_app.domain.states import State
from tasks_app.models.fields import new_id


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
