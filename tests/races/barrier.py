"""Threads behind a barrier, each with a database connection of its own; and one that holds its transaction open."""

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

PATIENCE_SECONDS = 120
_WAITS = """
SELECT pg_stat_clear_snapshot(), (SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock') AS n
"""


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Start all of them together; returns what each returned. The first error of any is raised."""
    barrier = threading.Barrier(len(works))
    results: list[Any] = [None] * len(works)
    errors: list[BaseException] = []

    def run(place: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(30)
            results[place] = works[place]()
        except BaseException as exc:
            errors.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[place], daemon=True) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in threads), "nobody may block anybody for ever"
    if errors:
        raise errors[0]
    return results


def inside(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """`second` begins when `first` is done but not committed, which it is when `second` has ended or waits for it."""
    begun, ended = threading.Event(), threading.Event()

    def outer() -> Any:
        with transaction.atomic():
            found = first()
            begun.set()
            deadline = time.monotonic() + 30
            while not (ended.is_set() or _somebody_waits()):
                assert time.monotonic() < deadline, "the second neither ended nor waits"
                time.sleep(0.01)
        return found

    def inner() -> Any:
        try:
            assert begun.wait(30), "the first never came to its commit"
            return second()
        finally:
            ended.set()

    one, other = at_once(outer, inner)
    return one, other


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_WAITS)
        return bool(cursor.fetchone()[1])
