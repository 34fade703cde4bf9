"""Run again what has ended: a new execution pointing back, never a change of the old row.

Alone, it is simply run. Inside a workflow run it is the next generation of its node and of every skipped or failed
node below it: links to completed upstreams are born lit. Inside a batch it takes over its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from tasks_app.domain.refusals import Code, Refused
from tasks_app.domain.states import FINAL, Actor, State
from tasks_app.engine import backpressure, batches, moves, trigger
from tasks_app.engine.opening import Opening
from tasks_app.engine.rows import decoded, execute, rows
from tasks_app.models import Batch, Execution, WorkflowRun

# The node itself, and whatever below it did not complete.
_BELOW = """
WITH RECURSIVE again AS (
    SELECT x.id FROM unnest(%(ids)s::uuid[]) AS x(id)
    UNION
    SELECT l.downstream_id FROM again a JOIN fleet_link l ON l.upstream_id = a.id
    JOIN fleet_execution e ON e.id = l.downstream_id
    WHERE e.state IN ('skipped', 'failed', 'cancelled', 'missed') AND NOT e.superseded
)
SELECT e.id, e.definition_id, e.generation, e.overrides, v.dependency_mode AS mode
FROM again a JOIN fleet_execution e ON e.id = a.id JOIN fleet_definition_version v ON v.id = e.version_id
ORDER BY e.id FOR UPDATE OF e
"""
_LINKS = """
SELECT l.upstream_id, l.upstream_definition_id, l.downstream_id, l.condition, l.expression, l.delay_ms, l.state,
    l.lit_by, l.workflow_id
FROM fleet_link l WHERE l.downstream_id = ANY(%(ids)s) ORDER BY l.id
"""
_WRITE = """
INSERT INTO fleet_link (workflow_id, upstream_id, upstream_definition_id, downstream_id, condition, expression,
    delay_ms, state, lit_by)
SELECT * FROM unnest(%(workflow_id)s::uuid[], %(upstream_id)s::uuid[], %(upstream_definition_id)s::uuid[],
    %(downstream_id)s::uuid[], %(condition)s::text[], %(expression)s::text[], %(delay_ms)s::bigint[],
    %(state)s::text[], %(lit_by)s::uuid[])
"""
_COLUMNS = (
    "workflow_id", "upstream_id", "upstream_definition_id", "downstream_id", "condition", "expression", "delay_ms",
    "state", "lit_by",
)  # fmt: skip


def rerun(
    execution_ids: Sequence[UUID],
    *,
    by: AbstractBaseUser | None = None,
    overrides: Mapping[str, Any] | None = None,
    request_id: str | None = None,
) -> list[Execution]:
    """Run each of these again with its definition's current version. Raises Refused. Opens a transaction."""
    user_id = by.pk if by else None
    with transaction.atomic():
        old = list(
            Execution.objects.filter(pk__in=execution_ids).select_related("definition").select_for_update(of=("self",))
        )
        _check(old, overrides, by=by)
        for owner_id in {e.definition.owner_id for e in old}:
            backpressure.admit(owner_id, more=sum(e.definition.owner_id == owner_id for e in old))
        alone = [e for e in old if not e.workflow_id and not e.batch_id]
        new = _alone(alone, overrides, user_id=user_id)
        for run_id in {e.workflow_id for e in old if e.workflow_id}:
            new += _in_run(run_id, [e.pk for e in old if e.workflow_id == run_id], overrides, user_id=user_id)
        for batch_id in {e.batch_id for e in old if e.batch_id}:
            places = [e for e in old if e.batch_id == batch_id]
            new += batches.again(Batch.objects.get(pk=batch_id), places, overrides=overrides, user_id=user_id)
    return list(Execution.objects.filter(pk__in=new))


def _check(old: Sequence[Execution], overrides: Mapping[str, Any] | None, *, by: AbstractBaseUser | None) -> None:
    still_open = [str(e.pk) for e in old if State(e.state) not in FINAL]
    if still_open:
        raise Refused(Code.CONFLICT, f"Only what has ended can be run again; still open: {', '.join(still_open[:5])}.")
    if any(e.superseded and (e.workflow_id or e.batch_id) for e in old):
        raise Refused(Code.CONFLICT, "This place of its run or batch has been run again already; rerun the newest.")
    for execution in old:
        trigger.refuse_archived(execution.definition)
        trigger.check_overrides(execution.definition, overrides, by=by)


def _alone(old: Sequence[Execution], overrides: Mapping[str, Any] | None, *, user_id: int | None) -> list[UUID]:
    openings = [
        Opening(
            definition_id=e.definition_id,
            cause="rerun",
            overrides=e.overrides if overrides is None else overrides,
            rerun_of=e.pk,
            parent_id=e.parent_id,
            forced=True,
        )
        for e in old
    ]
    if openings:
        # A dead letter that was replayed is no dead letter any more.
        Execution.objects.filter(pk__in=[e.pk for e in old]).exclude(state=State.COMPLETED).update(superseded=True)
        trigger.open_for(openings, actor=Actor.USER, user_id=user_id, reason="run again", ungated=True)
    return [opening.id for opening in openings]


def _in_run(
    run_id: UUID, ids: Sequence[UUID], overrides: Mapping[str, Any] | None, *, user_id: int | None
) -> list[UUID]:
    """Returns the new executions of the named nodes; those below follow by their links."""
    WorkflowRun.objects.filter(pk=run_id).update(state=WorkflowRun.State.RUNNING, finished_at=None)
    below = rows(_BELOW, {"ids": list(ids)})
    links = rows(_LINKS, {"ids": [node.id for node in below]})
    nodes = _still_possible(below, links, named=set(ids))
    openings = {node.id: _next_generation(node, run_id, overrides if node.id in ids else None) for node in nodes}
    born = [_born(link, openings) for link in links if link.downstream_id in openings]
    execute("UPDATE fleet_execution SET superseded = true WHERE id = ANY(%s)", [list(openings)])
    counted = [_counted(openings[node.id], node.mode, born, named=node.id in ids) for node in nodes]
    opened = moves.open_executions(counted, actor=Actor.USER, user_id=user_id, reason="run again")
    execute(_WRITE, {column: [link[column] for link in born] for column in _COLUMNS})
    trigger.send_after_commit(opened)
    return [openings[i].id for i in ids]


def _still_possible(nodes: Sequence[Any], links: Sequence[Any], *, named: set[UUID]) -> list[Any]:
    """Without the nodes that an upstream which does not run again has ruled out, and what hangs on those."""
    kept = {node.id: node for node in nodes}
    while True:
        dead = {ln.downstream_id for ln in links if ln.state == "dead" and ln.upstream_id not in kept}
        out = {i for i in dead & kept.keys() - named if kept[i].mode == "all"}
        if not out:
            return list(kept.values())
        kept = {i: node for i, node in kept.items() if i not in out}


def _next_generation(node: Any, run_id: UUID, overrides: Mapping[str, Any] | None) -> Opening:
    return Opening(
        definition_id=node.definition_id,
        cause="rerun",
        overrides=decoded(node.overrides) if overrides is None else overrides,
        workflow_id=run_id,
        generation=node.generation + 1,
        rerun_of=node.id,
        forced=True,
    )


def _born(link: Any, openings: Mapping[UUID, Opening]) -> dict[str, Any]:
    """A link of the new generation: open where its upstream runs again, as it was where it does not."""
    upstream = openings.get(link.upstream_id)
    fresh = {"upstream_id": upstream.id, "state": "open", "lit_by": None} if upstream else {}
    return {**link._asdict(), "downstream_id": openings[link.downstream_id].id, **fresh}


def _counted(opening: Opening, mode: str, born: Sequence[Mapping[str, Any]], *, named: bool) -> Opening:
    """The named nodes start at once; a node below waits for those of its links that are open."""
    if named:
        return opening
    own = [link["state"] for link in born if link["downstream_id"] == opening.id]
    still = own.count("open")
    wanted = (0 if "lit" in own else 1) if mode == "any" else still
    return replace(opening, state=State.BLOCKED, waiting_for=wanted, open_links=still) if wanted else opening
