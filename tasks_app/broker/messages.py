"""What goes out: values that say what to send, without knowing how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

RUN, LANE, CLOSE_BATCH, OCCURRENCE = "taskfleet.run", "taskfleet.lane", "taskfleet.close_batch", "taskfleet.occurrence"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Message:
    """One Celery message of ours: ids only, a fresh Celery id, lineage for whoever watches the broker."""

    task: str
    ids: Mapping[str, Any]
    pool: str
    priority: int
    root_id: str
    parent_id: str | None = None
    shown_as: str | None = None
    celery_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def body(self) -> dict[str, Any]:
        """The one argument of the Celery task."""
        return {"v": VERSION, **self.ids}


@dataclass(frozen=True)
class Chain:
    """Sent as `celery.chain`: each link follows the one before."""

    links: tuple[Message, ...]


@dataclass(frozen=True)
class Chord:
    """Sent as `celery.chord`: the body is published by whoever finds the join complete in the database."""

    header: tuple[Message, ...]
    body: Message


Shipment = Message | Chain | Chord


def run_message(
    execution_id: UUID, *, pool: str, priority: int, root_id: str, parent_id: str | None, shown_as: str
) -> Message:
    """The message that asks a worker to claim and run one execution."""
    return Message(
        task=RUN,
        ids={"execution": str(execution_id)},
        pool=pool,
        priority=priority,
        root_id=root_id,
        parent_id=parent_id,
        shown_as=shown_as,
    )
