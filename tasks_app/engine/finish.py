"""The end of an attempt: closed, state moved, links lit, dependents triggered, slots handed on, in one transaction.

Called by the worker that holds the attempt, by its keeper when the child is gone, and by the sweep when the lease
ran out. A late answer from an attempt that lost its lease is refused by the fence, and with it any state it wanted
to keep.
"""

import json
import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from executors.contract import Result
from executors.documents import as_json
from executors.errors import Failure
from tasks_app.domain.fingerprint import fingerprint
from tasks_app.domain.retries import Retry, decide
from tasks_app.domain.states import FINAL, Actor, State
from tasks_app.engine import closing, dispatch, follow, links, moves, slots
from tasks_app.engine.cascade import Settled
from tasks_app.engine.clock import once_more, policy
from tasks_app.engine.held import Held
from tasks_app.engine.rows import execute, often

log = structlog.get_logger(__name__)
MOST_ITEMS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an attempt. Exactly one of `result`, `failure` and `handed_back` says it."""

    result: Result | None = None
    failure: Failure | None = None
    handed_back: str = ""
    traceback: str | None = None
    cpu_ms: int | None = None
    max_rss_kb: int | None = None


@dataclass(frozen=True)
class Finished:
    """Where the execution is now and which executions this end made ready."""

    state: State
    reason: str
    ready: frozenset[UUID] = frozenset()


@once_more
def finish(
    held: Held, outcome: Outcome, *, actor: Actor = Actor.WORKER, carried: frozenset[UUID] = frozenset()
) -> Finished | None:
    """End an attempt; None when the fence refused. `carried`: nodes that the message in hand brings on.

    Opens a transaction.
    """
    verdict = _judge(held, outcome)
    columns = _columns(verdict, outcome)
    if held.workflow_id is None and (finished := _finish_alone(held, verdict, columns, actor=actor)):
        return finished
    with transaction.atomic():
        row = moves.end(held.execution_id, held.attempt_id, verdict.target, actor=actor, **columns)
        if row is None:
            log.warning("finish.refused", execution=str(held.execution_id), attempt=held.attempt_id)
            return None
        pools = slots.give_back(row.slots)
        if State(row.new) not in FINAL:
            transaction.on_commit(partial(dispatch.dispatch, pools | {row.pool}), robust=True)
            return Finished(State(row.new), verdict.reason)
        settled = _settle(held, row, verdict, outcome, carried=carried, pools=pools)
        if not any(ready.pool == row.pool for ready in settled.ready):
            transaction.on_commit(partial(dispatch.refill, row.pool, out=row.out), robust=True)
    return Finished(State(row.new), verdict.reason, frozenset(ready.id for ready in settled.ready))


@once_more
def finish_and_take(
    held: Held, outcome: Outcome, take: Callable[[], Held | None]
) -> tuple[Finished | None, Held | None]:
    """An end that nothing depends on and, in the same commit, what follows it in its lane: nobody sees a moment between
    them. (None, None) where something depends on it or the fence refused: nothing has happened. Opens a transaction.

    `take` locks nothing that others lock in another order: the lane's own limit is held already.
    """
    verdict = _judge(held, outcome)
    with transaction.atomic():
        finished = _finish_alone(held, verdict, _columns(verdict, outcome), actor=Actor.WORKER, close=False)
        following = take() if finished else None
        if finished and following is None and held.batch_id:
            transaction.on_commit(partial(closing.close_batches, [held.batch_id]), robust=True)
        return finished, following


def _finish_alone(
    held: Held, verdict: "_Verdict", columns: dict[str, Any], *, actor: Actor, close: bool = True
) -> Finished | None:
    """An end that nothing depends on, in one statement; with a limit, also the next in its line. None: not so."""
    with transaction.atomic(savepoint=False) if held.limited else nullcontext():
        row = moves.end(held.execution_id, held.attempt_id, verdict.target, actor=actor, alone=True, **columns)
        if row is None:
            return None
        pools = slots.let_through(row.slots) if row.slots else set()
        transaction.on_commit(partial(follow.after_alone, row, pools, close=close), robust=True)
    return Finished(State(row.new), verdict.reason)


@dataclass(frozen=True)
class _Verdict:
    target: State
    reason: str
    failure: Failure | None = None
    delay: timedelta = timedelta(0)
    attempt_outcome: str = "failed"


def _judge(held: Held, outcome: Outcome) -> _Verdict:
    """Which state follows. The executor said what happened; the retry policy decides what comes of it."""
    if outcome.result is not None:
        return _Verdict(State.COMPLETED, "", attempt_outcome="completed")
    if outcome.handed_back:
        if held.idempotent and held.handed_back < policy().max_handed_back:
            return _Verdict(State.PENDING, outcome.handed_back, attempt_outcome="handed_back")
        failure = Failure("worker_lost", f"{outcome.handed_back}; run it again by hand if that is safe")
    else:
        assert outcome.failure is not None
        failure = outcome.failure
    attempt = "lost" if failure.kind == "worker_lost" else "failed"
    decision = decide(
        held.retry,
        kind=failure.kind,
        retries_used=held.retries_used,
        retry_after_seconds=failure.retry_after_seconds,
        idempotent=held.idempotent,
        random=random.random,
    )
    if isinstance(decision, Retry):
        return _Verdict(State.RETRYING, failure.kind, failure, decision.delay, attempt)
    return _Verdict(State.FAILED, decision.reason, failure, attempt_outcome=attempt)


def _columns(verdict: _Verdict, outcome: Outcome) -> dict[str, Any]:
    result, failure = outcome.result or Result(""), verdict.failure
    return {
        "delay": verdict.delay,
        "outcome": verdict.attempt_outcome,
        "reason": verdict.reason,
        "error_kind": failure.kind if failure else None,
        "error_message": as_json(failure.message) if failure else None,
        "fingerprint": fingerprint(failure.kind, failure.message) if failure else None,
        "traceback": as_json(outcome.traceback),
        "cpu_ms": outcome.cpu_ms,
        "max_rss_kb": outcome.max_rss_kb,
        "has_result": outcome.result is not None,
        "summary": result.summary,
        "data": json.dumps(result.data),
        "metrics": json.dumps(dict(result.metrics)),
        "items": max(0, min(int(result.items_processed), MOST_ITEMS)),
        "partial": result.partial,
        "warnings": json.dumps(list(result.warnings)),
        "kept_state": None if result.state is None else json.dumps(dict(result.state)),
    }


def _settle(
    held: Held, row: Any, verdict: _Verdict, outcome: Outcome, *, carried: frozenset[UUID], pools: set[str]
) -> Settled:
    result = outcome.result
    facts = None
    if row.has_dependents or held.workflow_id:
        error = {"kind": verdict.failure.kind, "message": verdict.failure.message} if verdict.failure else None
        facts = links.facts_of(
            row.new, result=result.data if result else None, metrics=result and result.metrics, error=error
        )
    end = links.Ended(row.id, row.new, row.definition_id, row.workflow_id, row.batch_id, facts)
    keep = partial(keep_head, end, kept_state=result.state if result else None)
    # Nobody may begin to wait for this definition between the look at who waits and the new end at its head: he would
    # wait for an end that has been. Where nothing depends on it, its head is held for the shortest time.
    if row.has_dependents:
        keep(facts=facts)
    settled = follow.settle_and_follow([end], carried=carried, pools=pools)
    if not row.has_dependents:
        keep()
    return settled


def hold_heads(definition_ids: Sequence[UUID]) -> None:
    """Nobody may begin to wait for these definitions between the look at who waits and the new end at the head: he
    would wait for an end that has been. Requires a transaction."""
    execute(
        "SELECT 1 FROM fleet_definition_head WHERE definition_id = ANY(%s) ORDER BY definition_id FOR NO KEY UPDATE",
        [list(definition_ids)],
    )


def keep_head(end: links.Ended, *, kept_state: Any = None, facts: Any = None) -> None:
    """Remember a final execution at its definition, out of retention's reach. Last in its transaction: many
    executions of one definition meet at this row. Requires a transaction."""
    often(
        """UPDATE fleet_definition_head SET last_execution_id = %(id)s, last_state = %(state)s::text,
            last_finished_at = clock_timestamp(), last_facts = %(facts)s::jsonb,
            last_success_at = CASE WHEN %(state)s::text = 'completed' THEN clock_timestamp() ELSE last_success_at END,
            state = coalesce(%(kept)s::jsonb, state) WHERE definition_id = %(definition)s""",
        {
            "id": end.id,
            "state": end.state,
            "definition": end.definition_id,
            "facts": None if facts is None else json.dumps(facts),
            "kept": None if kept_state is None else json.dumps(dict(kept_state)),
        },
    )


def lost(held: Held, *, actor: Actor, why: str) -> Finished | None:
    """The attempt's process is gone, or its lease ran out. Opens a transaction."""
    return finish(held, Outcome(failure=Failure("worker_lost", why)), actor=actor)
