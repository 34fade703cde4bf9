"""How long a lane keeps its pool child before others get a turn."""

import time
from datetime import timedelta

BEAT_SECONDS = 1.0


class LaneClock:
    """Monotonic time of one slice of a lane."""

    def __init__(self, budget: timedelta) -> None:
        self._until = time.monotonic() + budget.total_seconds()
        self._beat_at = 0.0

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._until

    @property
    def beat_due(self) -> bool:
        """True once a second, the first time included."""
        now = time.monotonic()
        if now < self._beat_at:
            return False
        self._beat_at = now + BEAT_SECONDS
        return True
