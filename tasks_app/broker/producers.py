"""Connections for sending: pooled, with short time-outs and no retries of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from celery import current_app
from kombu import Connection
from kombu.pools import Producers

# Non-empty transport options without `max_retries` would make a refused connection take six seconds.
_FAST = {"socket_connect_timeout": 0.5, "socket_timeout": 0.8, "max_retries": 0, "interval_start": 0}
_FAST_AMQP = {"connect_timeout": 0.5, "read_timeout": 0.8, "write_timeout": 0.8, "max_retries": 0, "interval_start": 0}


@cache
def _pool() -> tuple[Connection, Any]:
    connection = current_app.connection_for_write(connect_timeout=0.5)
    fast = _FAST_AMQP if speaks_amqp() else _FAST
    connection.transport_options = {**(connection.transport_options or {}), **fast}
    return connection, Producers(limit=4)


def speaks_amqp() -> bool:
    """RabbitMQ's priorities run the other way round."""
    return str(current_app.conf.broker_url).startswith(("amqp", "pyamqp"))


def broker_priority(priority: int) -> int:
    """Our 0 to 9 (9 most urgent) in the broker's own scale: Redis and Valkey serve 0 first, RabbitMQ 9."""
    return priority if speaks_amqp() else 9 - priority


@contextmanager
def producer() -> Iterator[Any]:
    """A kombu producer for the time of the block."""
    connection, producers = _pool()
    with producers[connection].acquire(block=True, timeout=1) as held:
        yield held


def forget() -> None:
    """Drop the pool: after a fork the parent's sockets are not ours, after a failure they may be dead."""
    if _pool.cache_info().currsize:
        connection, producers = _pool()
        producers[connection].force_close_all()
        producers.pop(connection, None)
    _pool.cache_clear()
