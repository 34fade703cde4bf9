"""The sidebar, and what else the settings ask this admin for by name: style, script, the environment's name.

Called by Unfold through the `UNFOLD` setting.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """What a person may see, grouped by the question it answers."""
    groups = [
        ("Now", [
            _page("Dashboard", "dashboard", "admin:index"),
            _list("Executions", "play_circle", "tasks_app", "execution"),
            _list("Workflow runs", "account_tree", "tasks_app", "workflowrun"),
            _list("Batches", "stacks", "tasks_app", "batch"),
        ]),
        ("Plan", [
            _list("Tasks", "task_alt", "tasks_app", "taskdefinition"),
            _list("Schedules", "schedule", "tasks_app", "schedule"),
            _list("Ledger", "event_note", "tasks_app", "occurrence"),
            _list("Templates", "library_add", "tasks_app", "template"),
        ]),
        ("Fleet", [_list("Workers", "memory", "tasks_app", "worker"), *_outside()]),
        ("Celery", [
            _list("Periodic tasks", "update", "django_celery_beat", "periodictask"),
            _list("Crontabs", "calendar_clock", "django_celery_beat", "crontabschedule"),
            _list("Intervals", "timelapse", "django_celery_beat", "intervalschedule"),
            _list("Clocked", "alarm", "django_celery_beat", "clockedschedule"),
            _list("Solar", "wb_sunny", "django_celery_beat", "solarschedule"),
            _list("Task results", "receipt_long", "django_celery_results", "taskresult"),
            _list("Group results", "receipt", "django_celery_results", "groupresult"),
        ]),
        ("People", [_list("Users", "person", "auth", "user"), _list("Groups", "group", "auth", "group")]),
    ]  # fmt: skip
    return [
        {"title": title, "separator": bool(place), "collapsible": title == "Celery", "items": items}
        for place, (title, items) in enumerate(groups)
    ]


def _page(title: str, icon: str, name: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(name)}


def _list(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    return {**_page(title, icon, f"admin:{app}_{model}_changelist"), "permission": _may_view(app, model)}


def _may_view(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def may(request: HttpRequest) -> bool:
        return request.user.has_perm(f"{app}.view_{model}") or request.user.has_perm(f"{app}.change_{model}")

    return may


def _outside() -> list[dict[str, Any]]:
    """Never marked as the page one is on."""
    found = [_page("API documentation", "api", "swagger")]
    if settings.TASKFLEET.flower_url:
        found.insert(0, {"title": "Flower", "icon": "local_florist", "link": settings.TASKFLEET.flower_url})
    return [{**item, "active": False} for item in found]


def environment(request: HttpRequest) -> list[str] | None:
    """The mark beside the title: one machine with embedded servers, or a debugging site; none in production."""
    if settings.DEBUG:
        return ["Debug", "danger"]
    return ["One machine", "info"] if settings.ENV.task_embedded else None


def icon(request: HttpRequest) -> str:
    """The tab's picture."""
    return static("taskfleet/icon.svg")


def style(request: HttpRequest) -> str:
    """Taskfleet's own style sheet."""
    return static("taskfleet/fleet.css")


def script(request: HttpRequest) -> str:
    """What refreshes the live parts."""
    return static("taskfleet/live.js")
