"""The page of one execution, gathered: facts, life, attempts, transitions, logs, result. Reads only by indexed ids.

Called by the page and by its refreshing part. Six reads, whatever the history's size.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from tasks_app.admin import life_svg, words
from tasks_app.admin.lines import execution_url
from tasks_app.admin.waiting import why
from tasks_app.domain.states import FINAL
from tasks_app.models import Attempt, Execution, LogLine, Result, Transition
from tasks_app.queries.timeline import Visit, visits

LOG_LINES = 300
ROWS = 200


@dataclass(frozen=True)
class Page:
    """Everything the template needs, in words."""

    execution: Execution
    final: bool
    state: Any
    why: str
    facts: list[tuple[str, Any]]
    life: life_svg.Life
    strip: list[tuple[str, float, str]]
    attempts: list[dict[str, Any]]
    transitions: list[dict[str, Any]]
    logs: list[tuple[str, str, str, str]]
    logs_cut: bool
    result: Result | None
    result_json: str
    metrics: list[tuple[str, Any]]
    overrides_json: str
    progress: int | None


def build(execution: Execution) -> Page:
    """The page as of now."""
    final = execution.state in FINAL
    moves = list(Transition.objects.filter(execution_id=execution.pk).order_by("id")[:ROWS])
    stays = visits(moves, now=timezone.now(), final=final)
    logs = list(LogLine.objects.filter(execution_id=execution.pk).order_by("-id")[: LOG_LINES + 1])
    result = Result.objects.filter(pk=execution.pk).first()
    return Page(
        execution=execution,
        final=final,
        state=words.badge(execution.state),
        why="" if final else why(execution),
        facts=_facts(execution),
        life=life_svg.draw(stays, state=execution.state),
        strip=_strip(stays),
        attempts=_attempts(execution),
        transitions=_transitions(moves, stays),
        logs=[_log_line(row) for row in logs[LOG_LINES - 1 :: -1]],
        logs_cut=len(logs) > LOG_LINES,
        result=result,
        result_json=_pretty(result.data) if result and result.data is not None else "",
        metrics=sorted(result.metrics.items()) if result and result.metrics else [],
        overrides_json=_pretty(execution.overrides) if execution.overrides else "",
        progress=round(100 * execution.progress) if execution.progress is not None and not final else None,
    )


def _facts(execution: Execution) -> list[tuple[str, Any]]:
    task = reverse("admin:tasks_app_taskdefinition_change", args=[execution.definition_id])
    facts = [
        ("Task", words.link(task, execution.definition.name)),
        ("Type", execution.task_type),
        ("Cause", execution.get_cause_display().lower() + (", forced" if execution.forced else "")),
        ("Pool, priority", f"{execution.pool}, {execution.priority}"),
        ("Due", words.when(execution.due_at)),
        ("Created", words.when(execution.created_at)),
        ("Started", words.when(execution.started_at)),
        ("Finished", words.when(execution.finished_at)),
        ("Took", words.between(execution.started_at, execution.finished_at)),
        ("Retries used", execution.retries_used),
        ("Workflow run", _to("workflowrun", execution.workflow_id)),
        ("Batch", _to("batch", execution.batch_id)),
        (
            "Started by",
            words.link(execution_url(execution.parent_id), "the execution before") if execution.parent_id else "",
        ),
        (
            "Rerun of",
            words.link(execution_url(execution.rerun_of), str(execution.rerun_of)) if execution.rerun_of else "",
        ),
        ("Request id", execution.request_id or ""),
        ("Trace id", execution.trace_id or ""),
    ]
    return [(name, value) for name, value in facts if value not in ("", words.NONE)]


def _to(model: str, key: UUID | None) -> Any:
    return words.link(reverse(f"admin:tasks_app_{model}_change", args=[key]), str(key)) if key else ""


def _strip(stays: list[Visit]) -> list[tuple[str, float, str]]:
    """The stays as shares of the whole time, each at least visible."""
    timed = [stay for stay in stays if stay.seconds > 0]
    whole = sum(stay.seconds for stay in timed) or 1.0
    return [
        (stay.state, round(max(1.0, 100 * stay.seconds / whole), 2), f"{stay.state} {words.span(stay.seconds)}")
        for stay in timed
    ]


def _attempts(execution: Execution) -> list[dict[str, Any]]:
    rows = Attempt.objects.filter(execution_id=execution.pk).order_by("-number")[:ROWS]
    return [
        {
            "row": row,
            "outcome": words.badge(row.outcome or "running"),
            "started": words.when(row.started_at),
            "took": words.between(row.started_at, row.finished_at),
            "waited": words.span(row.queue_wait_ms / 1000 if row.queue_wait_ms is not None else None),
            "cpu": words.span(row.cpu_ms / 1000 if row.cpu_ms is not None else None),
            "memory": words.size(row.max_rss_kb),
            "lease": words.when(row.lease_until) if row.finished_at is None else "",
        }
        for row in rows
    ]


def _transitions(moves: list[Transition], stays: list[Visit]) -> list[dict[str, Any]]:
    people = _names({row.user_id for row in moves if row.user_id})
    return [
        {
            "at": words.exact(row.at),
            "old": words.badge(row.old),
            "new": words.badge(row.new),
            "actor": people.get(row.user_id, row.actor) if row.user_id else row.actor,
            "reason": row.reason,
            "lasted": words.span(stay.seconds) if stay.left_at else "",
        }
        for row, stay in zip(moves, stays, strict=True)
    ]


def _names(ids: set[int]) -> dict[int | None, str]:
    if not ids:
        return {}
    return {user.pk: user.get_username() for user in get_user_model()._default_manager.filter(pk__in=ids)}


def _log_line(row: LogLine) -> tuple[str, str, str, str]:
    data = json.dumps(row.data, ensure_ascii=False, default=str) if row.data else ""
    return f"{row.at:%H:%M:%S}.{row.at.microsecond // 1000:03d}", row.level, row.message, data


def _pretty(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, default=str)
