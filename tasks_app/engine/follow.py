"""What follows a settlement once it is committed: send what is ready, close runs and batches that may be done.

Nothing here is needed for correctness: a process that dies before it leaves the work to the loops.
"""

from collections.abc import Collection
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from tasks_app.engine import cascade, closing, dispatch
from tasks_app.engine.cascade import Settled
from tasks_app.engine.links import Ended

log = structlog.get_logger(__name__)


def settle_and_follow(ended: list[Ended], *, carried: Collection[UUID] = (), pools: Collection[str] = ()) -> Settled:
    """Settle ends and arrange what follows after the commit. `carried`: ready nodes that a live message brings;
    `pools`: further pools in which something became free. Requires a transaction."""
    settled = cascade.settle(ended)
    brought = [row.id for row in settled.ready if row.id in carried]
    dispatch.stamp(brought)
    wanted = {row.pool for row in settled.ready if row.id not in carried} | set(pools)
    transaction.on_commit(partial(_after, settled, wanted), robust=True)
    return settled


def after_alone(row: Any, pools: Collection[str], *, close: bool = True) -> None:
    """The same after an end that nothing depends on. `row` as `moves.end` gives it. Without `close` its batch is known
    to go on."""
    if row.batch_id and close:
        closing.close_batches([row.batch_id])
    if pools:
        dispatch.dispatch(pools)
    # A lane's end makes no room for messages: members are not sent one by one.
    if not row.batch_id:
        dispatch.refill(row.pool, out=row.out)


def _after(settled: Settled, pools: set[str]) -> None:
    while settled.unsettled:
        with transaction.atomic():
            more = cascade.settle(settled.unsettled)
        pools |= {row.pool for row in more.ready}
        settled.ended += more.ended
        settled.unsettled = more.unsettled
    closing.close_runs({e.workflow_id for e in settled.ended if e.workflow_id})
    closing.close_batches({e.batch_id for e in settled.ended if e.batch_id})
    dispatch.dispatch(pools)
