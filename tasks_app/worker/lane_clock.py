"""How long a lane keeps its pool child before others get a turn."""

import time
from datetime import timedelta

BEAT_SECONDS = 1.0
# Tasks of the user's own apps wait for the same children, and no table knows of them.
LONGEST_BUDGETS = 10


class LaneClock:
    """Monotonic time of one slice of a lane: one budget where others wait, ten where nobody is known to."""

    def __init__(self, budget: timedelta) -> None:
        began = time.monotonic()
        self._until = began + budget.total_seconds()
        self._at_most_until = began + LONGEST_BUDGETS * budget.total_seconds()
        self._beat_at = 0.0

    def over(self, *, crowded: bool) -> bool:
        return time.monotonic() >= (self._until if crowded else self._at_most_until)

    @property
    def beat_due(self) -> bool:
        """True once a second, the first time included."""
        now = time.monotonic()
        if now < self._beat_at:
            return False
        self._beat_at = now + BEAT_SECONDS
        return True
