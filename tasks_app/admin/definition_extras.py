"""What stands below a task's form: its recent executions, its versions, what waits for it; and two helping panels.

Called by the page of tasks. Each part is one bounded read.
"""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from tasks_app.admin import words
from tasks_app.admin.definition_columns import page_of
from tasks_app.admin.lines import line
from tasks_app.domain.schedules import ScheduleError, describe, next_fires
from tasks_app.domain.zones import zone
from tasks_app.engine.clock import policy
from tasks_app.models import Dependency, Execution, TaskDefinition
from tasks_app.queries import task_types

FIRES = 5
RECENT = 10
VERSIONS = 20


def below(task: TaskDefinition) -> dict[str, Any]:
    """The parts below the form."""
    runs = Execution.objects.filter(definition=task).order_by("-created_at", "-id")[:RECENT]
    versions = task.versions.select_related("created_by").order_by("-number")[:VERSIONS]
    waiting = Dependency.objects.filter(upstream=task).select_related("downstream").order_by("downstream__name")[:50]
    return {
        "runs": [line(run, name=words.exact(run.created_at)) for run in runs],
        "versions": [
            (version, words.when(version.created_at), json.dumps(version.config, indent=2, ensure_ascii=False))
            for version in versions
        ],
        "waiting": [(edge, page_of(edge.downstream)) for edge in waiting],
    }


def preview(request: HttpRequest) -> HttpResponse:
    """The schedule that is being typed: in words, with its next instants, or what is wrong with it."""
    text, name = request.GET.get("schedule", "").strip(), request.GET.get("timezone", "").strip() or "UTC"
    context: dict[str, Any] = {"text": text}
    try:
        fires = next_fires(text or None, timezone=name, after=timezone.now(), count=FIRES)
        there = zone(name)
        context |= {"words": describe(text or None, timezone=name), "zone": name}
        context["fires"] = [(words.exact(due), f"{due.astimezone(there):%a %d %b %Y, %H:%M:%S}") for due in fires]
    except (ScheduleError, ValueError) as exc:
        context |= {"problem": str(exc), "suggestion": getattr(exc, "suggestion", "")}
    return render(request, "taskfleet/schedule_preview.html", context)


def schema(request: HttpRequest) -> HttpResponse:
    """The config fields of the chosen task type."""
    slug = request.GET.get("task_type", "")
    chosen = task_types.one(slug, fresh_for=policy().lease)
    if chosen is None or chosen.schema is None:
        problem = f"It cannot run here: {chosen.reason}" if chosen else f"Unknown task type {slug!r}; choose another."
        return render(request, "taskfleet/config_schema.html", {"problem": problem})
    found = chosen.schema
    required = set(found.get("required", ()))
    fields = [
        {
            "name": name,
            "kind": _kind(part, found.get("$defs", {})),
            "required": name in required,
            "default": json.dumps(part["default"]) if part.get("default") not in (None, {}, [], "") else "",
            "about": part.get("description", ""),
        }
        for name, part in found.get("properties", {}).items()
    ]
    fields.sort(key=lambda row: not row["required"])
    return render(request, "taskfleet/config_schema.html", {"task_type": chosen, "fields": fields})


def _kind(part: dict[str, Any], shared: dict[str, Any]) -> str:
    """A JSON Schema's type in a word or two."""
    if "$ref" in part:
        return _kind(shared.get(part["$ref"].rsplit("/", 1)[-1], {}), shared)
    if "anyOf" in part:
        kinds = [_kind(one, shared) for one in part["anyOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if "enum" in part or "const" in part:
        return ", ".join(str(one) for one in part.get("enum", [part.get("const")]))
    if part.get("type") == "array":
        return f"list of {_kind(part.get('items', {}), shared)}"
    return str(part.get("type", "anything"))
