"""Schedule rows as tick, rederive and scheduling read them, under a lock.

One list of columns, so that the ledger and the plan get the same row whoever asks. Statements that write stay out.
"""

from collections.abc import Mapping
from typing import Any

from tasks_app.engine.rows import rows

_COLUMNS = """
    s.id, s.definition_id, s.periodic_task_id, s.text, s.timezone, s.enabled, s.anchor, s.start_at, s.end_at,
    s.misfire_seconds, s.grace_seconds, s.catch_up, s.catch_up_limit, s.overlap, s.next_due_at, s.stale_at, s.error,
    coalesce(p.one_off, false) AS one_off,
    s.definition_id IS NULL OR (d.status = 'active' AND d.current_version_id IS NOT NULL) AS active
"""
_TABLES = """
    fleet_schedule s LEFT JOIN django_celery_beat_periodictask p ON p.id = s.periodic_task_id
    LEFT JOIN fleet_definition d ON d.id = s.definition_id
"""


def locked(where: str, params: Mapping[str, Any], *, skip_locked: bool = True) -> list[Any]:
    """The schedule rows `s` that satisfy `where`, which may end in an order and a limit. Requires a transaction."""
    skip = "SKIP LOCKED" if skip_locked else ""
    return rows(f"SELECT {_COLUMNS} FROM {_TABLES} WHERE {where} FOR NO KEY UPDATE OF s {skip}", params)
