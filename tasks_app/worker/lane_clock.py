"""How long a lane keeps its pool child before others get a turn."""

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

BEAT_SECONDS = 1.0
# Tasks of the user's own apps wait for the same children, and no table knows of them.
LONGEST_BUDGETS = 10


class LaneClock:
    """Monotonic time of one slice of a lane: one budget where others wait, ten where nobody is known to.

    `beat` is told once a second that the lane lives, and answers whether others wait.
    """

    def __init__(self, budget: timedelta, *, beat: Callable[[UUID], bool]) -> None:
        began = time.monotonic()
        self._until = began + budget.total_seconds()
        self._at_most_until = began + LONGEST_BUDGETS * budget.total_seconds()
        self._beat, self._beat_at, self._crowded = beat, 0.0, True

    def goes_on(self, batch_id: UUID) -> bool:
        """Whether the lane may take another member."""
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + BEAT_SECONDS
            self._crowded = self._beat(batch_id)
        return now < (self._until if self._crowded else self._at_most_until)
