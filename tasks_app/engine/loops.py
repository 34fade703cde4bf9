"""Leases of loops: of many beats one runs each loop, and a dead one's are taken over within seconds.

Called by the loops of `worker/beat`. A pass may rarely run twice at once, when one takes longer than its lease: every
verb that is called in a loop stands that, so no fence is needed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from tasks_app.engine.rows import execute, one

_TAKE = """
INSERT INTO fleet_loop (name, holder, until) VALUES (%(name)s, %(holder)s, clock_timestamp() + %(lasting)s)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE fleet_loop.holder = excluded.holder OR fleet_loop.until < clock_timestamp()
RETURNING coalesce(clock_timestamp() - ran_at, interval '0') AS silent_for
"""


@dataclass(frozen=True)
class Turn:
    """The loop is ours for now; `silent_for` is how long ago its last pass ended, whoever ran it."""

    silent_for: timedelta


def held(name: str, *, holder: str, lasting: timedelta) -> Turn | None:
    """Take or renew the lease of a loop; None while somebody else holds it."""
    row = one(_TAKE, {"name": name, "holder": holder, "lasting": lasting})
    return Turn(row.silent_for) if row else None


def ran(name: str, *, holder: str) -> None:
    """A pass has ended."""
    execute(
        "UPDATE fleet_loop SET ran_at = clock_timestamp() WHERE name = %(name)s AND holder = %(holder)s",
        {"name": name, "holder": holder},
    )


def release(names: Collection[str], *, holder: str) -> None:
    """Let others take over at once, on a clean stop."""
    execute(
        "UPDATE fleet_loop SET until = clock_timestamp() WHERE name = ANY(%(names)s) AND holder = %(holder)s",
        {"names": list(names), "holder": holder},
    )
