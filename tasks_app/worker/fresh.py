"""A database connection that answers, at the start of each message; Celery is told to leave connections alone.

Asking costs a round trip, so one that was used a moment ago without an error is taken to live. Should it have died
meanwhile, the claim fails: nothing has begun, and the table sends the execution again.
"""

import time

from django.db import close_old_connections, connection

TRUSTED_SECONDS = 5.0
_asked_at = float("-inf")


def fresh_connection() -> None:
    """Close what is broken; the next statement opens a new connection."""
    global _asked_at
    now = time.monotonic()
    if connection.errors_occurred or now - _asked_at > TRUSTED_SECONDS:
        close_old_connections()
        _asked_at = now
