"""Raw statements with named rows: the engine's moves are sets, written in SQL."""

import json
import time
from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.rows import namedtuple_row

# A plan that is kept was made for the tables as they were: a queue may grow from nothing to thousands in seconds.
PLAN_LASTS_SECONDS = 5.0
PREPARED_AFTER = 5


@cache
def _row_type(columns: tuple[str, ...]) -> Any:
    return namedtuple("Row", columns)


def rows(sql: str, params: Mapping[str, Any] | Sequence[Any] = ()) -> list[Any]:
    """All rows of a statement, by column name."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        if cursor.description is None:
            return []
        make = _row_type(tuple(column.name for column in cursor.description))
        return [make._make(row) for row in cursor.fetchall()]


def often(sql: str, params: Mapping[str, Any]) -> list[Any]:
    """All rows of a statement that every execution needs: prepared in the server, so that it is seldom planned anew.

    Its parameters are typed by the statement: a bare one in a select list wants a cast.
    """
    if not settings.TASKFLEET.prepared_statements:
        return rows(sql, params)
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    wire = connection.connection
    wire.prepare_threshold = PREPARED_AFTER  # Django's own cursors never prepare, whatever stands here
    # The comment makes it a new statement every few seconds, and so plans it anew.
    dated = f"{_flat(sql)} -- {time.monotonic() // PLAN_LASTS_SECONDS:.0f}"
    with connection.wrap_database_errors, psycopg.Cursor(wire, row_factory=namedtuple_row) as cursor:
        cursor.execute(dated, params)
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


@cache
def _flat(sql: str) -> str:
    """Without indentation, and so without comments: psycopg reads a long statement for its parameters each time."""
    return " ".join(sql.split())


def one(sql: str, params: Mapping[str, Any] | Sequence[Any] = ()) -> Any | None:
    """The first row, or None."""
    found = rows(sql, params)
    return found[0] if found else None


def execute(sql: str, params: Mapping[str, Any] | Sequence[Any] = ()) -> int:
    """How many rows the statement touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def decoded(value: Any) -> Any:
    """A jsonb column as Python sees it: Django hands raw statements the text."""
    return json.loads(value) if isinstance(value, str) else value
