"""Runs as people look at them, alone with all that is known of them and in lists that read one index."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from tasks_app.models import Attempt, BatchMember, Execution, LogLine, Result, Transition
from tasks_app.models.visibility import Person
from tasks_app.queries import visible

MOST_STEPS = 500
LOG_LINES = 1_000


@dataclass(frozen=True)
class Story:
    """What happened in one execution."""

    result: Result | None
    attempts: Sequence[Attempt]
    transitions: Sequence[Transition]


def shown(user: Person) -> QuerySet[Execution]:
    """The runs somebody may see, with the names their lines show."""
    return visible.executions(user).select_related("definition", "version")


def story(execution: Execution) -> Story:
    """Result, attempts and transitions: three statements, each by the execution's index, the newest 500 of each."""
    steps = Transition.objects.filter(execution_id=execution.pk).order_by("-id")[:MOST_STEPS]
    tries = Attempt.objects.filter(execution_id=execution.pk).order_by("-number")[:MOST_STEPS]
    result = Result.objects.filter(execution_id=execution.pk).first()
    return Story(result, list(tries)[::-1], list(steps)[::-1])


def log_lines(execution: Execution, *, after: int = 0, size: int = LOG_LINES) -> list[LogLine]:
    """The lines behind line `after`, oldest first."""
    return list(LogLine.objects.filter(execution_id=execution.pk, id__gt=after).order_by("id")[:size])


def with_states(rows: QuerySet[Execution], states: Sequence[str]) -> QuerySet[Execution]:
    """In one of these states."""
    return rows.filter(state__in=states) if states else rows


def known(user: Person, ids: Sequence[UUID]) -> dict[UUID, Execution]:
    """Those of these ids that somebody may see."""
    return {row.pk: row for row in shown(user).filter(pk__in=ids)}


def members(batch_id: UUID) -> QuerySet[BatchMember]:
    """The places of a batch."""
    return BatchMember.objects.filter(batch_id=batch_id)


def by_id(ids: Sequence[UUID]) -> dict[UUID, Execution]:
    """Executions by id, with the names their lines show."""
    return {row.pk: row for row in Execution.objects.filter(pk__in=ids).select_related("definition", "version")}
