"""Raw statements with named rows: the engine's moves are sets, written in SQL."""

import json
from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection


@cache
def _row_type(columns: tuple[str, ...]) -> Any:
    return namedtuple("Row", columns)  # noqa: PYI024 - the columns are known only to the statement


def rows(sql: str, params: Mapping[str, Any] | Sequence[Any] = ()) -> list[Any]:
    """All rows of a statement, by column name."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        if cursor.description is None:
            return []
        make = _row_type(tuple(column.name for column in cursor.description))
        return [make._make(row) for row in cursor.fetchall()]


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
