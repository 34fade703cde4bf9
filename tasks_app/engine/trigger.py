"""A wish becomes a row: an execution of a definition, due now, later, or when its upstreams allow.

Called by the API, the admin, the SDK, reruns and the tick. The row exists before any message; the message goes after
the commit, and if the broker is away the row waits for the dispatcher.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pydantic
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from executors import registry
from tasks_app.domain.refusals import Code, Refused
from tasks_app.domain.states import Actor, State
from tasks_app.engine import backpressure, dispatch, links, moves, secret_rights
from tasks_app.engine.clock import once_more
from tasks_app.engine.opening import Opening
from tasks_app.engine.rows import decoded, execute, rows
from tasks_app.models import Execution, TaskDefinition

_UPSTREAMS = """
SELECT p.downstream_id, p.upstream_id, p.condition, p.expression, p.delay_ms, v.dependency_mode AS mode,
    h.last_state, h.last_facts, h.last_execution_id
FROM fleet_dependency p JOIN fleet_definition d ON d.id = p.downstream_id
JOIN fleet_definition_version v ON v.id = d.current_version_id
LEFT JOIN fleet_definition_head h ON h.definition_id = p.upstream_id
WHERE p.downstream_id = ANY(%(ids)s) ORDER BY p.id
"""
# Who begins to wait looks at the upstreams' ends under their locks; see `finish.hold_heads`.
_HEADS = """
SELECT 1 FROM fleet_definition_head WHERE definition_id = ANY(%(ids)s) ORDER BY definition_id FOR SHARE
"""
# What an opening tells of its execution at once.
_KNOWN = ("id", "definition_id", "pool", "state")
_LINK = """
INSERT INTO fleet_link (upstream_definition_id, downstream_id, condition, expression, delay_ms, state, lit_by)
SELECT * FROM unnest(%(upstream)s::uuid[], %(downstream)s::uuid[], %(condition)s::text[], %(expression)s::text[],
    %(delay)s::bigint[], %(state)s::text[], %(by)s::uuid[])
"""


@once_more
def trigger(
    definition: TaskDefinition,
    *,
    by: AbstractBaseUser | None = None,
    cause: str = "manual",
    overrides: Mapping[str, Any] | None = None,
    run_at: datetime | None = None,
    delay: timedelta | None = None,
    priority: int | None = None,
    force: bool = False,
    request_id: str | None = None,
) -> Execution:
    """One execution. By hand it also runs while its definition is paused. Raises Refused. Opens a transaction."""
    refuse_archived(definition)
    check_overrides(definition, overrides, by=by)
    backpressure.admit(definition.owner_id)
    later = run_at is not None or bool(delay)
    by_hand = force or cause == "manual"
    opening = Opening(
        definition_id=definition.pk,
        cause=cause,
        state=State.SCHEDULED if later else State.PENDING,
        run_at=run_at,
        delay_ms=round(delay.total_seconds() * 1000) if delay else 0,
        priority=priority,
        overrides=overrides,
        forced=by_hand and (force or definition.status == TaskDefinition.Status.PAUSED),
    )
    user_id = by.pk if by else None
    opened = [] if force else _open_ungated(opening, user_id=user_id)
    if not opened:
        with transaction.atomic():
            opened = open_for([opening], actor=Actor.USER, user_id=user_id, ungated=force)
    # The other columns are read when somebody asks for one.
    return Execution.from_db(None, _KNOWN, [getattr(opened[0], name) for name in _KNOWN])


def _open_ungated(opening: Opening, *, user_id: int | None) -> list[Any]:
    """In one statement, when the definition has no upstreams."""
    at_once = dispatch.at_once()
    opened = moves.open_executions([opening], actor=Actor.USER, user_id=user_id, only_ungated=True, at_once=at_once)
    if at_once is None:
        send_after_commit(opened)
    elif opened:
        dispatch.follow_opening(opened[0])
    return opened


def open_for(
    openings: Sequence[Opening], *, actor: Actor, user_id: int | None = None, reason: str = "", ungated: bool = False
) -> list[Any]:
    """Open executions outside any run, blocked where an upstream has not ended as its edge asks, and send what is
    due after the commit. Returns rows (id, state, pool). Requires a transaction."""
    gated = list(openings) if ungated else _gate(openings)
    opened = moves.open_executions(gated, actor=actor, user_id=user_id, reason=reason)
    if len(opened) < len(gated):
        raise Refused(Code.NOT_FOUND, "A task to run does not exist any more.")
    send_after_commit(opened)
    return opened


def send_after_commit(opened: Iterable[Any]) -> None:
    """Arrange the sending of rows (id, state, pool) that are pending."""
    pools = {row.pool for row in opened if row.state == State.PENDING}
    if pools:
        transaction.on_commit(partial(dispatch.dispatch, pools), robust=True)


def _gate(openings: Sequence[Opening]) -> list[Opening]:
    """Openings with unmet upstreams as blocked ones; the links also tell a run whose ends are its inputs."""
    wanted = {"ids": list({o.definition_id for o in openings})}
    upstreams = [edge.upstream_id for edge in rows(_UPSTREAMS, wanted)]
    if not upstreams:
        return list(openings)
    execute(_HEADS, {"ids": upstreams})
    edges: dict[UUID, list[Any]] = {}
    for edge in rows(_UPSTREAMS, wanted):
        edges.setdefault(edge.downstream_id, []).append(edge)
    gated = [_gated(o, edges.get(o.definition_id, [])) for o in openings]
    _write_links([(o, edge) for o in gated if o.state != State.MISSED for edge in edges.get(o.definition_id, ())])
    return gated


def _gated(opening: Opening, edges: Sequence[Any]) -> Opening:
    lit = sum(_met(edge) for edge in edges)
    wanted = 1 if edges and edges[0].mode == "any" else len(edges)
    if lit >= wanted or opening.state == State.MISSED:
        return opening
    return replace(opening, state=State.BLOCKED, waiting_for=wanted - lit, open_links=len(edges) - lit, times_out=True)


def _met(edge: Any) -> bool:
    """Whether the upstream's last final execution satisfies the edge."""
    if not edge.last_state:
        return False
    end = links.Ended(edge.last_execution_id, edge.last_state, edge.upstream_id, None, None, decoded(edge.last_facts))
    return links.holds(edge, end)


def _write_links(pairs: Sequence[tuple[Opening, Any]]) -> None:
    if pairs:
        met = [_met(edge) for _, edge in pairs]
        execute(
            _LINK,
            {
                "upstream": [edge.upstream_id for _, edge in pairs],
                "downstream": [opening.id for opening, _ in pairs],
                "condition": [edge.condition for _, edge in pairs],
                "expression": [edge.expression for _, edge in pairs],
                "delay": [edge.delay_ms for _, edge in pairs],
                "state": ["lit" if yes else "open" for yes in met],
                "by": [edge.last_execution_id if yes else None for (_, edge), yes in zip(pairs, met, strict=True)],
            },
        )


def refuse_archived(definition: TaskDefinition) -> None:
    """Raises Refused for a definition that is archived."""
    if definition.status == TaskDefinition.Status.ARCHIVED:
        raise Refused(Code.CONFLICT, "The task is archived; it can be cloned, not run.")


def check_overrides(
    definition: TaskDefinition, overrides: Mapping[str, Any] | None, *, by: AbstractBaseUser | None
) -> None:
    """Raises Refused when a run's own config does not fit the task type, or has a secret that `by` may not use."""
    config = (overrides or {}).get("config")
    version = definition.current_version
    if not config or version is None:
        return
    try:
        registry.validate_config(version.task_type, {**version.config, **config})
    except pydantic.ValidationError as exc:
        found = {f"config.{path}": messages for path, messages in registry.config_errors(exc).items()}
        raise Refused(Code.INVALID, "The config of this run is not valid.", fields=found) from None
    secret_rights.check({**version.config, **config}, by=by)
