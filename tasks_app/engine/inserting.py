"""Many new rows in one statement a few thousand: the database unfolds one JSON document, typed by the model's columns.

For verbs that write tens of thousands of rows; Django's own bulk insert spends most of its time in the parameters.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model

from tasks_app.engine.rows import execute

ROWS_A_STATEMENT = 2_000


def insert(model: type[Model], records: Sequence[Mapping[str, Any]]) -> None:
    """Insert records, which all have the same columns; what they leave out gets the database's default.

    Requires a transaction.
    """
    if not records:
        return
    quote = connection.ops.quote_name
    types = {field.column: field.db_type(connection) for field in model._meta.local_concrete_fields}
    names = ", ".join(quote(name) for name in records[0])
    typed = ", ".join(f"{quote(name)} {types[name]}" for name in records[0])
    table = quote(model._meta.db_table)
    sql = f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_to_recordset(%s::jsonb) AS x({typed})"
    for begin in range(0, len(records), ROWS_A_STATEMENT):
        execute(sql, [json.dumps(records[begin : begin + ROWS_A_STATEMENT], default=str)])
