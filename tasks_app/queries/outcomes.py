"""The last few outcomes of many tasks at once: what a sparkline beside each task shows. One statement, by index."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

LAST = 12
_SQL = """
SELECT d.id, e.state FROM unnest(%s::uuid[]) AS d(id) CROSS JOIN LATERAL (
    SELECT state, created_at, id FROM fleet_execution x
     WHERE x.definition_id = d.id ORDER BY x.created_at DESC, x.id DESC LIMIT %s) e
 ORDER BY d.id, e.created_at, e.id
"""


def last_states(definition_ids: Iterable[UUID], *, last: int = LAST) -> dict[UUID, list[str]]:
    """States of the newest executions of each task, oldest first."""
    found: dict[UUID, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [list(definition_ids), last])
        for definition_id, state in cursor.fetchall():
            found.setdefault(definition_id, []).append(state)
    return found
