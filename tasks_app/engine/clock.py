"""The database's clock and the retry that every verb wants: what two transactions at once may do to each other."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected, SerializationFailure

from tasks_app.domain.policy import FleetPolicy

P = ParamSpec("P")
R = TypeVar("R")


def policy() -> FleetPolicy:
    """The operator's numbers."""
    return settings.TASKFLEET


def database_now() -> datetime:
    """The one clock of the engine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def once_more(verb: Callable[P, R]) -> Callable[P, R]:
    """Repeat a verb once after a deadlock or a serialisation error; only for verbs that open their transaction."""

    @wraps(verb)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(*args, **kwargs)
        except OperationalError as exc:
            inside = connection.in_atomic_block
            if inside or not isinstance(exc.__cause__, DeadlockDetected | SerializationFailure):
                raise
            return verb(*args, **kwargs)

    return repeated
