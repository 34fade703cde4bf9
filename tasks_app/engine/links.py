"""Links of a run: settled once, counted down at the executions that wait for them.

Whoever reads the deciding value of a counter has made the execution ready, or skipped it. Called by the cascade and
by the dependents; decides nothing about what an end means outside its edge.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tasks_app.domain.conditions import satisfied
from tasks_app.domain.states import Actor, State
from tasks_app.engine import moves
from tasks_app.engine.queue import BLOCKED
from tasks_app.engine.rows import often


@dataclass(frozen=True)
class Ended:
    """A final execution and what a custom condition may ask about it."""

    id: UUID
    state: str
    definition_id: UUID
    workflow_id: UUID | None
    batch_id: UUID | None
    facts: Mapping[str, Any] | None = None


_SETTLE_LINKS = """
WITH n AS (SELECT * FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(by)s::uuid[]) AS n(id, state, by))
UPDATE fleet_link l SET state = n.state, lit_by = n.by FROM n WHERE l.id = n.id AND l.state = 'open'
RETURNING l.downstream_id, l.state, l.delay_ms
"""
_COUNT_DOWN = f"""
WITH n AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(lit)s::int[], %(dead)s::int[], %(delay)s::bigint[])
        AS n(id, lit, dead, delay)
), locked AS (
    SELECT e.id FROM fleet_execution e JOIN n ON n.id = e.id WHERE {BLOCKED} ORDER BY e.id FOR UPDATE OF e
)
UPDATE fleet_execution e SET waiting_for = e.waiting_for - n.lit, open_links = e.open_links - n.lit - n.dead,
    run_at = CASE WHEN n.delay > 0 THEN greatest(e.run_at, now() + n.delay * interval '1 millisecond') ELSE e.run_at END
FROM n, locked, fleet_definition_version v
WHERE e.id = locked.id AND n.id = e.id AND v.id = e.version_id
RETURNING e.id, e.waiting_for, e.open_links, n.dead, v.dependency_mode AS mode,
    coalesce(e.run_at > now(), false) AS later
"""


def holds(edge: Any, end: Ended) -> bool:
    """Whether an end satisfies an edge."""
    return satisfied(
        edge.condition, state=end.state, expression=edge.expression or None, facts=end.facts or {"status": end.state}
    )


def mark(decided: Iterable[tuple[Any, UUID, bool]]) -> list[Any]:
    """Write the decisions on open links, once only. Requires a transaction."""
    found = list(decided)
    if not found:
        return []
    return often(
        _SETTLE_LINKS,
        {
            "ids": [link.id for link, _, _ in found],
            "states": ["lit" if yes else "dead" for _, _, yes in found],
            "by": [by for _, by, _ in found],
        },
    )


def count_down(links: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Bring settled links to the executions that wait for them: (made ready, skipped). Requires a transaction."""
    tally: dict[UUID, list[int]] = {}
    for link in links:
        lit, dead, delay = tally.setdefault(link.downstream_id, [0, 0, 0])
        is_lit = link.state == "lit"
        tally[link.downstream_id] = [lit + is_lit, dead + (not is_lit), max(delay, link.delay_ms if is_lit else 0)]
    if not tally:
        return [], []
    counted = often(
        _COUNT_DOWN,
        {
            "ids": list(tally),
            "lit": [t[0] for t in tally.values()],
            "dead": [t[1] for t in tally.values()],
            "delay": [t[2] for t in tally.values()],
        },
    )
    return _decide(counted)


def _decide(counted: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """all: the first dead link skips, the last lit one makes ready. any: the first lit makes ready, all dead skips."""
    skip = [c.id for c in counted if (c.dead if c.mode == "all" else c.waiting_for > 0 and c.open_links <= 0)]
    go = [c for c in counted if c.waiting_for <= 0 and c.id not in skip]
    ready = moves.move([c.id for c in go if not c.later], State.PENDING, actor=Actor.CASCADE, reason="upstreams done")
    moves.move([c.id for c in go if c.later], State.SCHEDULED, actor=Actor.CASCADE, reason="upstreams done, delayed")
    return ready, moves.move(
        skip, State.SKIPPED, actor=Actor.CASCADE, reason="an upstream did not end as the edge asks"
    )


def facts_of(state: str, *, result: Any = None, metrics: Any = None, error: Mapping[str, Any] | None = None) -> dict:
    """What CEL sees of an end; only JSON, so that a stored and a fresh end read alike."""
    found = {"status": state, "result": result, "metrics": metrics or {}, "error": dict(error or {})}
    return json.loads(json.dumps(found, default=str))
