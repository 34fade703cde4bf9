"""The life of one execution, told from its transitions: which states it was in, when, for how long.

Pure reading of rows that were appended; called by the execution page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks_app.models import Transition


@dataclass(frozen=True)
class Visit:
    """One stay in one state. `left_at` is None for the state it is in now."""

    state: str
    entered_at: datetime
    left_at: datetime | None
    seconds: float


def visits(transitions: Sequence[Transition], *, now: datetime, final: bool) -> list[Visit]:
    """Each stay in order. The last one lasts until `now`, unless it is final: then it has no duration."""
    if not transitions:
        return []
    last = transitions[-1].at if final else now
    left = [row.at for row in transitions[1:]]
    return [
        Visit(row.new, row.at, left[place] if place < len(left) else None, _between(row.at, [*left, last][place]))
        for place, row in enumerate(transitions)
    ]


def seconds_by_state(stays: Sequence[Visit]) -> dict[str, float]:
    """All stays in one state together."""
    total: dict[str, float] = {}
    for stay in stays:
        total[stay.state] = total.get(stay.state, 0.0) + stay.seconds
    return total


def _between(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())
