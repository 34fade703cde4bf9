"""How far a batch or workflow run is, how fast it goes and how long the rest may take.

Called by queries and the API with counts by state. Rows and clocks stay out: `now` is handed in.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tasks_app.domain.states import FINAL, State

_S = TypeVar("_S", bound=str)  # a State, or its word


@dataclass(frozen=True, slots=True)
class Progress:
    """`percent` has one decimal and is 100 only when all is done; rate and estimate are None until something ended."""

    total: int
    done: int
    percent: float
    rate_per_second: float | None
    estimated_seconds_left: float | None


def progress(counts: Mapping[_S, int], *, started_at: datetime | None, now: datetime) -> Progress:
    """The progress of executions counted by state. Nothing to do is done."""
    total = sum(counts.values())
    done = sum(count for state, count in counts.items() if State(state) in FINAL)
    percent = math.floor(1000 * done / total) / 10 if total else 100.0
    elapsed = (now - started_at).total_seconds() if started_at else 0.0
    rate = done / elapsed if done and elapsed > 0 else None
    left = 0.0 if done == total else (total - done) / rate if rate else None
    return Progress(total, done, percent, rate, left)
