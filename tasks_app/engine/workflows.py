"""The closure of definitions started together from one trigger along dependencies, as one workflow run.

A link whose upstream is in the run is lit by that run's execution only; an upstream outside the run gates by its own
last end, as for any execution.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from tasks_app.domain.refusals import Code, Refused, invalid
from tasks_app.domain.states import Actor, State
from tasks_app.engine import backpressure, moves, statistics, trigger
from tasks_app.engine.opening import Opening
from tasks_app.engine.rows import execute, rows
from tasks_app.models import TaskDefinition, WorkflowRun
from tasks_app.models.fields import new_id

_CLOSURE = """
WITH RECURSIVE reached AS (
    SELECT x.id FROM unnest(%(ids)s::uuid[]) AS x(id)
    UNION
    SELECT p.{far} FROM reached r JOIN fleet_dependency p ON p.{near} = r.id
)
SELECT r.id, v.dependency_mode AS mode, d.status FROM reached r JOIN fleet_definition d ON d.id = r.id
JOIN fleet_definition_version v ON v.id = d.current_version_id WHERE d.status <> 'archived'
"""
_THESE = """
SELECT d.id, v.dependency_mode AS mode, d.status FROM fleet_definition d
JOIN fleet_definition_version v ON v.id = d.current_version_id WHERE d.id = ANY(%(ids)s)
"""
_EDGES = """
SELECT upstream_id, downstream_id, condition, expression, delay_ms FROM fleet_dependency
WHERE upstream_id = ANY(%(ids)s) AND downstream_id = ANY(%(ids)s) ORDER BY id
"""
_LINK = """
INSERT INTO fleet_link (workflow_id, upstream_id, upstream_definition_id, downstream_id, condition, expression,
    delay_ms, state)
SELECT %(run)s, l.* FROM unnest(%(upstream)s::uuid[], %(definition)s::uuid[], %(downstream)s::uuid[],
    %(condition)s::text[], %(expression)s::text[], %(delay)s::bigint[], %(state)s::text[]) AS l
"""


def start(
    definitions: Sequence[TaskDefinition],
    *,
    by: AbstractBaseUser | None = None,
    with_upstream: bool = False,
    with_downstream: bool = False,
    name: str = "",
    overrides: Mapping[str, Any] | None = None,
    request_id: str | None = None,
) -> WorkflowRun:
    """Start these definitions, and what they reach, together. `overrides` go to the named definitions.

    Raises Refused. Opens a transaction.
    """
    if not definitions:
        raise invalid("task_ids", "Name at least one task to start.")
    for definition in definitions:
        trigger.refuse_archived(definition)
        trigger.check_overrides(definition, overrides, by=by)
    with transaction.atomic():
        nodes = _closure([d.pk for d in definitions], with_upstream=with_upstream, with_downstream=with_downstream)
        backpressure.admit(definitions[0].owner_id, more=len(nodes))
        edges = rows(_EDGES, {"ids": list(nodes)})
        run = WorkflowRun.objects.create(
            name=name or definitions[0].name,
            owner_id=definitions[0].owner_id or (by.pk if by else None),
            root_definition=definitions[0].pk,
            total=len(nodes),
        )
        named = {d.pk: overrides for d in definitions} if overrides else {}
        _open(run.id, nodes, edges, named=named, user_id=by.pk if by else None)
    return run


def _closure(ids: list[UUID], *, with_upstream: bool, with_downstream: bool) -> dict[UUID, Any]:
    """The definitions themselves and those reached in each wanted direction."""
    directions = [("upstream_id", "downstream_id")] * with_downstream + [
        ("downstream_id", "upstream_id")
    ] * with_upstream
    found = {row.id: row for row in rows(_THESE, {"ids": ids})}
    for near, far in directions:
        found |= {row.id: row for row in rows(_CLOSURE.format(near=near, far=far), {"ids": ids})}
    return found


def _open(
    run_id: UUID, nodes: Mapping[UUID, Any], edges: Sequence[Any], *, named: Mapping[UUID, Any], user_id: int | None
) -> None:
    execution_of = {definition: new_id() for definition in nodes}
    upstreams: dict[UUID, int] = {}
    for edge in edges:
        upstreams[edge.downstream_id] = upstreams.get(edge.downstream_id, 0) + 1
    openings = [
        _opening(run_id, execution_of[definition], node, upstreams.get(definition, 0), named.get(definition))
        for definition, node in nodes.items()
    ]
    opened = moves.open_executions(openings, actor=Actor.USER, user_id=user_id, reason="workflow run")
    if len(opened) < len(openings):
        raise Refused(Code.NOT_FOUND, "A task of the workflow does not exist any more.")
    _link(run_id, execution_of, edges)
    statistics.told_of(len(openings))
    trigger.send_after_commit(opened)


def _opening(run_id: UUID, execution_id: UUID, node: Any, upstreams: int, overrides: Any) -> Opening:
    return Opening(
        id=execution_id,
        definition_id=node.id,
        cause="workflow",
        state=State.BLOCKED if upstreams else State.PENDING,
        workflow_id=run_id,
        waiting_for=min(1, upstreams) if node.mode == "any" else upstreams,
        open_links=upstreams,
        overrides=overrides,
        forced=node.status == TaskDefinition.Status.PAUSED,
    )


def _link(run_id: UUID, execution_of: Mapping[UUID, UUID], edges: Sequence[Any]) -> None:
    if edges:
        execute(
            _LINK,
            {
                "run": run_id,
                "upstream": [execution_of[e.upstream_id] for e in edges],
                "definition": [e.upstream_id for e in edges],
                "downstream": [execution_of[e.downstream_id] for e in edges],
                "condition": [e.condition for e in edges],
                "expression": [e.expression for e in edges],
                "delay": [e.delay_ms for e in edges],
                "state": ["open"] * len(edges),
            },
        )
