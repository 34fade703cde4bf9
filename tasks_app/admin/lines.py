"""One execution as a line of a table: what the templates of dashboard, task, batch and workflow pages show.

Built from rows already read; must not query.
"""

from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString

from tasks_app.admin import words
from tasks_app.models import Execution


def execution_url(execution_id: UUID) -> str:
    """The page of an execution."""
    return reverse("admin:tasks_app_execution_change", args=[execution_id])


@dataclass(frozen=True)
class Line:
    """Words for one execution."""

    url: str
    name: str
    state: SafeString | str
    created: SafeString | str
    ended: SafeString | str
    took: str
    cause: str
    task_type: str
    error: str


def line(execution: Execution, *, name: str | None = None) -> Line:
    """`name` spares the join when the page already knows the definition."""
    return Line(
        url=execution_url(execution.id),
        name=name if name is not None else execution.definition.name,
        state=words.badge(execution.state),
        created=words.when(execution.created_at),
        ended=words.when(execution.finished_at or execution.created_at),
        took=words.between(execution.started_at, execution.finished_at),
        cause=execution.get_cause_display(),
        task_type=execution.task_type,
        error=(execution.error_message or "").strip().splitlines()[0][:160] if execution.error_message else "",
    )
