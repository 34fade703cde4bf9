"""What an execution is given by the executions before it: each upstream's end, by the name of its definition."""

from typing import Any

from tasks_app.engine.held import Held
from tasks_app.engine.rows import decoded, often

_UPSTREAMS = """
WITH u AS (
    SELECT lit_by AS id FROM fleet_link WHERE downstream_id = %(id)s AND state = 'lit'
    UNION SELECT %(parent)s::uuid
)
SELECT d.name, e.id, e.state, e.error_kind, e.error_message, r.summary, r.data
FROM u JOIN fleet_execution e ON e.id = u.id JOIN fleet_definition d ON d.id = e.definition_id
LEFT JOIN fleet_result r ON r.execution_id = e.id LIMIT 1000
"""


def inputs_of(held: Held) -> dict[str, Any]:
    """Name → {status, execution_id, summary, data, error}; inputs given with the run win over an upstream's."""
    if not held.linked and not held.parent_id:
        return dict(held.given_inputs)
    found = often(_UPSTREAMS, {"id": held.execution_id, "parent": held.parent_id})
    return {row.name: _input(row) for row in found} | dict(held.given_inputs)


def _input(row: Any) -> dict[str, Any]:
    error = {"kind": row.error_kind, "message": row.error_message} if row.error_kind else None
    return {
        "status": row.state,
        "execution_id": str(row.id),
        "summary": row.summary,
        "data": decoded(row.data),
        "error": error,
    }
