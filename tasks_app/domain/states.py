"""The page of truth: the states of an execution and every move between them.

Read by `engine/moves.py` (the only writer of a state), the API's filters and the documentation.
Nothing here knows a database, a clock or a person.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where an execution is. Each member says who leaves it and when."""

    BLOCKED = "blocked"  # waits for its upstreams; left by the cascade, a person or the sweep
    SCHEDULED = "scheduled"  # waits for `run_at`; left by the dispatcher
    PENDING = "pending"  # due, waits for a worker; left by the claim
    RUNNING = "running"  # an attempt holds it by a lease; left by whoever ends that attempt
    RETRYING = "retrying"  # failed in a way worth repeating, waits for `run_at`; left by the dispatcher
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    MISSED = "missed"
    SKIPPED = "skipped"


FINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.MISSED, State.SKIPPED})
OPEN = frozenset(State) - FINAL
WAITING = frozenset({State.BLOCKED, State.SCHEDULED, State.PENDING, State.RETRYING})


class Actor(StrEnum):
    """Who makes a move."""

    USER = "user"
    BEAT = "beat"
    CASCADE = "cascade"
    DISPATCHER = "dispatcher"
    WORKER = "worker"
    KEEPER = "keeper"
    SWEEPER = "sweeper"
    BATCH = "batch"


@dataclass(frozen=True)
class Move:
    """One row of the table: `source` None is the creation of an execution."""

    source: State | None
    target: State
    actors: frozenset[Actor]
    when: str


def _moves(source: State | None, targets: tuple[State, ...], actors: tuple[Actor, ...], when: str) -> list[Move]:
    return [Move(source, target, frozenset(actors), when) for target in targets]


_S, _A = State, Actor
_ENDERS = (_A.WORKER, _A.KEEPER, _A.SWEEPER)

MOVES: tuple[Move, ...] = tuple(
    _moves(None, (_S.SCHEDULED, _S.PENDING, _S.BLOCKED), (_A.USER, _A.BEAT, _A.CASCADE, _A.BATCH), "triggered")
    + _moves(None, (_S.MISSED,), (_A.BEAT,), "an occurrence beyond its misfire window that catch-up does not run")
    + _moves(
        _S.BLOCKED,
        (_S.SCHEDULED, _S.PENDING, _S.SKIPPED),
        (_A.CASCADE, _A.USER, _A.SWEEPER),
        "lit or forced; a dead edge, `dependency_timeout`, or the definition archived",
    )
    + _moves(_S.SCHEDULED, (_S.PENDING,), (_A.DISPATCHER,), "`run_at` reached")
    + _moves(_S.RETRYING, (_S.PENDING,), (_A.DISPATCHER,), "`run_at` reached")
    + _moves(_S.PENDING, (_S.RUNNING,), (_A.WORKER,), "claimed; opens an attempt with a lease")
    + _moves(_S.PENDING, (_S.FAILED,), (_A.WORKER,), "handed back more than ten times")
    + _moves(
        _S.RUNNING,
        (_S.COMPLETED, _S.RETRYING, _S.FAILED, _S.CANCELLED),
        _ENDERS,
        "the attempt ended, or its lease ran out; with a cancel asked for, every end but completed is cancelled",
    )
    + _moves(
        _S.RUNNING, (_S.PENDING,), _ENDERS, "handed back: not begun, or shutdown of idempotent work; no retry used"
    )
    + [
        move
        for source in sorted(WAITING)
        for move in _moves(source, (_S.CANCELLED,), (_A.USER, _A.BATCH), "cancelled by a person, a batch or archiving")
    ]
    + _moves(_S.SCHEDULED, (_S.MISSED,), (_A.SWEEPER,), "`start_by` passed and no attempt ever began")
    + _moves(_S.PENDING, (_S.MISSED,), (_A.SWEEPER,), "`start_by` passed and no attempt ever began")
)


def sources_of(target: State, actor: Actor) -> frozenset[State]:
    """The states from which `actor` may move an execution to `target`."""
    return frozenset(m.source for m in MOVES if m.target is target and actor in m.actors and m.source is not None)


def may_open_as(target: State, actor: Actor) -> bool:
    """Whether `actor` may create an execution in state `target`."""
    return any(m.source is None and m.target is target and actor in m.actors for m in MOVES)
