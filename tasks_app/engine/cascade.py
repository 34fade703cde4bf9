"""What an end sets in motion: links lit or dead, joins ready, nodes skipped, dependents triggered.

Readiness is decided here and nowhere else. Called by every verb that makes an execution final. Sends nothing itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks_app.engine import dependents, links
from tasks_app.engine.links import Ended
from tasks_app.engine.rows import often

SKIPS_A_TRANSACTION = 1000


@dataclass
class Settled:
    """What follows: executions that are ready now, skipped ones whose own links are still to be settled."""

    ready: list[Any] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    unsettled: list[Ended] = field(default_factory=list)


_OPEN_LINKS = """
SELECT l.id, l.upstream_id, l.downstream_id, l.condition, l.expression, l.delay_ms
FROM fleet_link l WHERE l.upstream_id = ANY(%(ids)s) AND l.state = 'open' ORDER BY l.id FOR UPDATE
"""


def settle(ended: Sequence[Ended]) -> Settled:
    """Follow the ends of a set of executions inside their runs and to the dependents outside.

    At most about 1,000 skips a transaction: `unsettled` holds the rest for the caller's next one.
    Requires a transaction.
    """
    settled = Settled(ended=list(ended))
    wave, skips = list(ended), 0
    while wave:
        # Dependents first: an end that completes a collection must not open the next one.
        settled.ready += dependents.trigger(wave)
        ready, dead = links.count_down(_settle_inside(wave) + dependents.light_outside(wave))
        settled.ready += ready
        wave = [as_ended(row) for row in dead]
        settled.ended += wave
        skips += len(wave)
        if skips >= SKIPS_A_TRANSACTION:
            settled.unsettled = wave
            break
    return settled


def as_ended(row: Any) -> Ended:
    """A row of a move to a final state as an end without facts."""
    return Ended(row.id, row.new, row.definition_id, row.workflow_id, row.batch_id)


def _settle_inside(ended: Sequence[Ended]) -> list[Any]:
    """Light or kill the links that leave these executions. Rows (downstream_id, state, delay_ms)."""
    by_id = {e.id: e for e in ended if e.workflow_id}
    if not by_id:
        return []
    found = often(_OPEN_LINKS, {"ids": list(by_id)})
    return links.mark((link, link.upstream_id, links.holds(link, by_id[link.upstream_id])) for link in found)
