"""A process-wide fuse: after a failed send nobody in this process tries again for five seconds.

A broker that hangs must cost a caller its time-out once, not at every request.
"""

import time

OPEN_FOR_SECONDS = 5.0


class Fuse:
    """Monotonic; no lock is needed for one float."""

    def __init__(self) -> None:
        self._blown_until = 0.0

    @property
    def blown(self) -> bool:
        return time.monotonic() < self._blown_until

    def blow(self) -> None:
        self._blown_until = time.monotonic() + OPEN_FOR_SECONDS

    def mend(self) -> None:
        self._blown_until = 0.0


FUSE = Fuse()
