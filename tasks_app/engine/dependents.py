"""Ends seen from outside: edges whose upstream is not in the waiting execution's own run.

A satisfying end lights the open outside links of its definition, and starts the dependents that ask to be started
(`trigger_on_dependencies`): at once when one end is enough, else through the one collecting execution a definition
may have. An end that does not satisfy an edge leaves it open. Called by the cascade only.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tasks_app.domain.states import Actor, State
from tasks_app.engine import links, moves
from tasks_app.engine.links import Ended
from tasks_app.engine.opening import Opening
from tasks_app.engine.rows import execute, often, one

_OUTSIDE = """
SELECT id, upstream_definition_id, downstream_id, condition, expression, delay_ms FROM fleet_link
WHERE upstream_definition_id = ANY(%(ids)s) AND upstream_id IS NULL AND state = 'open' ORDER BY id FOR UPDATE
"""
_EDGES = """
SELECT p.upstream_id, p.downstream_id, p.condition, p.expression, p.delay_ms, x.mode,
    (SELECT count(*) FROM fleet_dependency q WHERE q.downstream_id = p.downstream_id) AS upstreams
FROM fleet_dependency p CROSS JOIN LATERAL (
    SELECT v.dependency_mode AS mode FROM fleet_definition d
    JOIN fleet_definition_version v ON v.id = d.current_version_id
    WHERE d.id = p.downstream_id AND d.status = 'active' AND v.trigger_on_dependencies LIMIT 1) x
WHERE p.upstream_id = ANY(%(ids)s) ORDER BY p.id
"""
_IN_RUN = """
SELECT DISTINCT workflow_id, definition_id FROM fleet_execution
WHERE workflow_id = ANY(%(runs)s) AND definition_id = ANY(%(definitions)s)
"""
# The lock is its own statement: the next one must see what the end before this one has opened.
_HEAD = "SELECT collecting_id FROM fleet_definition_head WHERE definition_id = %(id)s FOR UPDATE"
_COLLECTING = "SELECT id FROM fleet_execution WHERE id = %(id)s AND state = 'blocked'"
_LINK_ALL = """
INSERT INTO fleet_link (upstream_definition_id, downstream_id, condition, expression, delay_ms, state)
SELECT upstream_id, %(execution)s, condition, expression, delay_ms, 'open' FROM fleet_dependency
WHERE downstream_id = %(definition)s
"""


def light_outside(ended: Sequence[Ended]) -> list[Any]:
    """Light outside links that wait for these definitions. Rows (downstream_id, state, delay_ms).

    Requires a transaction.
    """
    by_definition = {e.definition_id: e for e in ended}
    found = often(_OUTSIDE, {"ids": list(by_definition)})
    lit = [(link, by_definition[link.upstream_definition_id]) for link in found]
    return links.mark([(link, end.id, True) for link, end in lit if links.holds(link, end)])


def trigger(ended: Sequence[Ended]) -> list[Any]:
    """Start the dependents of these ends. Rows (id, state, pool) of executions that are ready now.

    Requires a transaction.
    """
    edges = often(_EDGES, {"ids": list({e.definition_id for e in ended})})
    if not edges:
        return []
    inside = _already_in_run(ended, edges)
    leaving: dict[UUID, list[Any]] = {}
    for edge in edges:
        leaving.setdefault(edge.upstream_id, []).append(edge)
    ready: list[Any] = []
    for end in ended:
        for edge in leaving.get(end.definition_id, ()):
            if (end.workflow_id, edge.downstream_id) not in inside and links.holds(edge, end):
                ready += _start(edge, end)
    return ready


def _already_in_run(ended: Sequence[Ended], edges: Sequence[Any]) -> set[tuple[UUID, UUID]]:
    runs = [e.workflow_id for e in ended if e.workflow_id]
    if not runs:
        return set()
    found = often(_IN_RUN, {"runs": runs, "definitions": [e.downstream_id for e in edges]})
    return {(row.workflow_id, row.definition_id) for row in found}


def _start(edge: Any, end: Ended) -> list[Any]:
    if edge.mode == "any" or edge.upstreams == 1:
        state = State.SCHEDULED if edge.delay_ms else State.PENDING
        opening = Opening(
            definition_id=edge.downstream_id, cause="dependency", state=state, delay_ms=edge.delay_ms, parent_id=end.id
        )
        opened = moves.open_executions([opening], actor=Actor.CASCADE, reason=f"upstream {end.id} {end.state}")
        return [row for row in opened if row.state == State.PENDING]
    _collect(edge, end)
    return []


def _collect(edge: Any, end: Ended) -> None:
    """Open the collecting execution when there is none. Its link is lit by `light_outside`, which comes after."""
    head = one(_HEAD, {"id": edge.downstream_id})
    if head is None or one(_COLLECTING, {"id": head.collecting_id}):
        return
    opening = Opening(
        definition_id=edge.downstream_id,
        cause="dependency",
        state=State.BLOCKED,
        waiting_for=edge.upstreams,
        open_links=edge.upstreams,
        times_out=True,
        parent_id=end.id,
    )
    moves.open_executions([opening], actor=Actor.CASCADE, reason="collecting its upstreams")
    execute(_LINK_ALL, {"execution": opening.id, "definition": edge.downstream_id})
    execute(
        "UPDATE fleet_definition_head SET collecting_id = %(execution)s WHERE definition_id = %(definition)s",
        {"execution": opening.id, "definition": edge.downstream_id},
    )
