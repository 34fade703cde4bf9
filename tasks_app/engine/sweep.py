"""Recovery of the lost: expired leases, waits that ran out, counters that a dead process left behind.

One pass is a row of small verbs, each bounded; the loop in beat calls `sweep_once`. Everything here only repeats what
some verb would have done had its process lived.
"""

from typing import Any

import structlog
from django.db import transaction

from tasks_app.domain.states import Actor, State
from tasks_app.engine import closing, control, dispatch, follow, held, idempotency, links, moves, slots
from tasks_app.engine.batches import cancel, stop_if_failed
from tasks_app.engine.clock import once_more, policy
from tasks_app.engine.finish import lost
from tasks_app.engine.rows import decoded, execute, one, rows

A_PASS = 500
_EXPIRED = """
SELECT id, execution_id, worker FROM fleet_attempt WHERE finished_at IS NULL AND lease_until < clock_timestamp()
ORDER BY lease_until LIMIT %(limit)s
"""
# Silence of every worker for longer than half a lease, not pardoned yet.
_SILENCE = """
SELECT max(heartbeat_at) AS heard, max(heartbeat_at) < clock_timestamp() - %(lease)s / 2 AS silent FROM fleet_worker
WHERE stopped_at IS NULL
"""
_PARDON = """
INSERT INTO fleet_loop (name, holder, until, ran_at) VALUES ('amnesty', 'sweep', clock_timestamp(), %(heard)s)
ON CONFLICT (name) DO UPDATE SET ran_at = excluded.ran_at, until = excluded.until
WHERE fleet_loop.ran_at IS DISTINCT FROM excluded.ran_at RETURNING name
"""
_UNSETTLED = """
SELECT DISTINCT u.id, u.state, u.definition_id, u.workflow_id, u.batch_id, r.data, r.metrics,
    u.error_kind, u.error_message
FROM fleet_workflow_run w JOIN fleet_execution u ON u.workflow_id = w.id JOIN fleet_link l ON l.upstream_id = u.id
LEFT JOIN fleet_result r ON r.execution_id = u.id
WHERE w.state = 'running' AND w.created_at < now() - interval '10 seconds' AND l.state = 'open'
  AND u.state IN ('completed', 'failed', 'cancelled', 'missed', 'skipped')
  AND u.finished_at < now() - interval '10 seconds' LIMIT %(limit)s
"""
_RECOUNT_LINKS = """
WITH stuck AS (
    SELECT e.id, v.dependency_mode AS mode,
        count(*) FILTER (WHERE l.state = 'lit') AS lit, count(*) FILTER (WHERE l.state = 'open') AS open,
        count(*) AS n
    FROM fleet_workflow_run w JOIN fleet_execution e ON e.workflow_id = w.id AND e.state = 'blocked'
    JOIN fleet_definition_version v ON v.id = e.version_id JOIN fleet_link l ON l.downstream_id = e.id
    WHERE w.state = 'running' AND w.created_at < now() - interval '10 seconds' GROUP BY e.id, v.dependency_mode
    HAVING count(*) FILTER (WHERE l.state = 'open') = 0 LIMIT %(limit)s
)
UPDATE fleet_execution e SET open_links = s.open,
    waiting_for = CASE WHEN s.mode = 'any' THEN 1 - least(1, s.lit) ELSE s.n - s.lit END
FROM stuck s WHERE e.id = s.id AND e.state = 'blocked' RETURNING e.id, e.waiting_for
"""


def sweep_once(*, sweeper_silent: bool = False) -> int:
    """One pass; returns how many executions it moved. `sweeper_silent`: no sweep ran for longer than half a lease.

    Opens transactions.
    """
    if sweeper_silent or _fleet_was_silent():
        _grant_amnesty()
    moved = recover_lost() + time_out_waits() + settle_forgotten() + stop_batches()
    _rebuild_slots()
    close_ended()
    idempotency.forget_expired()
    return moved


def recover_lost() -> int:
    """End attempts whose lease ran out: retried if the work may run twice, failed otherwise."""
    count = 0
    for attempt in rows(_EXPIRED, {"limit": A_PASS}):
        holding = held.of_attempt(attempt.execution_id, attempt.id)
        if holding is None:
            execute(
                "UPDATE fleet_attempt SET finished_at = now(), outcome = 'lost' WHERE id = %s AND finished_at IS NULL",
                [attempt.id],
            )
        elif lost(holding, actor=Actor.SWEEPER, why=f"the lease of {attempt.worker} ran out"):
            count += 1
    return count


@once_more
def time_out_waits() -> int:
    """blocked beyond its time → skipped; never begun by `start_by` → missed. Opens a transaction."""
    with transaction.atomic():
        late = rows(
            "SELECT id FROM fleet_execution WHERE state = 'blocked' AND blocked_until < now() LIMIT %s", [A_PASS]
        )
        unbegun = rows(
            "SELECT id FROM fleet_execution WHERE state IN ('scheduled', 'pending') AND start_by < now() "
            "AND attempts = 0 LIMIT %s",
            [A_PASS],
        )
        skipped = moves.move(
            [row.id for row in late], State.SKIPPED, actor=Actor.SWEEPER, reason="its upstreams did not end in time"
        )
        missed = moves.move(
            [row.id for row in unbegun],
            State.MISSED,
            actor=Actor.SWEEPER,
            reason="not begun by start_by",
            where="AND e.attempts = 0",
        )
        control.end_waiting(skipped + missed)
    return len(skipped) + len(missed)


@once_more
def settle_forgotten() -> int:
    """Ends whose links nobody settled, and counters that do not fit their links: a process died in between.

    Opens a transaction.
    """
    with transaction.atomic():
        forgotten = [_ended(row) for row in rows(_UNSETTLED, {"limit": A_PASS})]
        if forgotten:
            follow.settle_and_follow(forgotten)
        ready = [row.id for row in rows(_RECOUNT_LINKS, {"limit": A_PASS}) if row.waiting_for <= 0]
        woken = moves.move(ready, State.PENDING, actor=Actor.SWEEPER, reason="counter rebuilt from its links")
        pools = {row.pool for row in woken}
        transaction.on_commit(lambda: dispatch.dispatch(pools) and None, robust=True)
    return len(forgotten) + len(woken)


def _ended(row: Any) -> links.Ended:
    error = {"kind": row.error_kind, "message": row.error_message} if row.error_kind else None
    facts = links.facts_of(row.state, result=decoded(row.data), metrics=decoded(row.metrics), error=error)
    return links.Ended(row.id, row.state, row.definition_id, row.workflow_id, row.batch_id, facts)


def stop_batches() -> int:
    """Batches whose cancelling, or stopping on failure, nobody carried to its end."""
    found = rows(
        "SELECT id, cancel_requested_at FROM fleet_batch WHERE state = 'running' "
        "AND (stop_on_failure OR cancel_requested_at IS NOT NULL) ORDER BY created_at LIMIT 50"
    )
    return sum(cancel(row) if row.cancel_requested_at else stop_if_failed(row.id) for row in found)


def close_ended() -> None:
    """Runs and batches without an open execution that nobody closed."""
    runs = rows("SELECT id FROM fleet_workflow_run WHERE state = 'running' ORDER BY created_at LIMIT %s", [A_PASS])
    closing.close_runs([row.id for row in runs])
    batches = rows("SELECT id FROM fleet_batch WHERE state = 'running' ORDER BY created_at LIMIT %s", [A_PASS])
    closing.close_batches([row.id for row in batches])


def _rebuild_slots() -> None:
    with transaction.atomic():
        pools = slots.recount() if one("SELECT key FROM fleet_slot LIMIT 1") else set()
        transaction.on_commit(lambda: dispatch.dispatch(pools) and None, robust=True)


def _fleet_was_silent() -> bool:
    """Every worker silent at once means that the database or the network was away: pardoned once a silence."""
    row = one(_SILENCE, {"lease": policy().lease})
    return bool(row and row.silent and one(_PARDON, {"heard": row.heard}))


def _grant_amnesty() -> None:
    """All open leases get one lease more before anybody judges."""
    extended = execute(
        "UPDATE fleet_attempt SET lease_until = greatest(lease_until, clock_timestamp()) + %s "
        "WHERE finished_at IS NULL",
        [policy().lease],
    )
    structlog.get_logger(__name__).warning("sweep.amnesty", leases=extended)
