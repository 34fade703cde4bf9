"""Retention: final executions older than the policy's days, with everything that hangs on them, in small bites."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction

from tasks_app.engine.clock import policy
from tasks_app.engine.rows import execute, rows

A_BITE = 1000
_OLD = """
SELECT id FROM fleet_execution WHERE created_at < now() - %(keep)s AND finished_at < now() - %(keep)s
ORDER BY created_at LIMIT %(bite)s FOR UPDATE SKIP LOCKED
"""
_HANGING = {
    "fleet_attempt": "execution_id",
    "fleet_transition": "execution_id",
    "fleet_logline": "execution_id",
    "fleet_result": "execution_id",
    "fleet_link": "downstream_id",
    "fleet_batch_member": "execution_id",
    "fleet_occurrence_run": "execution_id",
}


def prune(*, keep: timedelta | None = None) -> Mapping[str, Any]:
    """How many executions went; `keep` is the operator's retention unless given. Definition heads outlive them.

    Opens a transaction a bite.
    """
    keep = keep or policy().retention
    if keep is None:
        return {"executions": 0}
    gone = 0
    while True:
        with transaction.atomic():
            ids = [row.id for row in rows(_OLD, {"keep": keep, "bite": A_BITE})]
            for table, column in _HANGING.items():
                execute(f"DELETE FROM {table} WHERE {column} = ANY(%s)", [ids])
            execute("DELETE FROM fleet_execution WHERE id = ANY(%s)", [ids])
        gone += len(ids)
        if len(ids) < A_BITE:
            return {"executions": gone}
