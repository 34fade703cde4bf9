"""`manage.py load_demo`: on an empty database, a few tasks that show what a fleet does. Does nothing on any other.

A health check of this very site every minute, a script after it when it went well, a message when it did not, and a
batch that runs at once.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from tasks_app.engine import authoring, batches, trigger
from tasks_app.queries import first_start

HERE = "http://127.0.0.1:8000"
WAITS_SECONDS = (3, 1, 2, 1, 2, 3)
AT_ONCE = 3
FOLLOWERS: list[dict[str, Any]] = [
    {
        "name": "After a good check",
        "description": "Runs a program each time the check went well.",
        "task_type": "script",
        "config": {"command": "date", "args": ["-u"]},
        "dependencies": ["Site health"],
        "tags": ["demo"],
    },
    {
        "name": "After a failed check",
        "description": "Tells somebody each time the check failed; without a mail server, the process log.",
        "task_type": "notification",
        "config": {
            "email": {"to": ["admin@localhost"]},
            "title": "The site is not healthy",
            "body": "Its own health check failed; the check's page says why.",
            "kind": "failure",
        },
        "dependencies": [{"task": "Site health", "condition": "failure"}],
        "tags": ["demo"],
    },
]
MEMBERS: list[dict[str, Any]] = [
    {
        "name": "Short wait",
        "description": "A member of the demo's batch.",
        "task_type": "custom",
        "config": {"function": "sleep", "params": {"seconds": 1}},
        "tags": ["demo"],
    },
    {
        "name": "Nothing at all",
        "description": "A member of the demo's batch.",
        "task_type": "custom",
        "config": {"function": "noop"},
        "tags": ["demo"],
    },
]


def _check(site: str) -> dict[str, Any]:
    """As the API takes it. It is patient: it may be asked for before the site has started."""
    return {
        "name": "Site health",
        "description": "Asks this site every minute whether its database and broker answer.",
        "task_type": "api_call",
        "config": {"url": f"{site}/health/ready", "timeout": 5_000, "expect": {"status": [200]}},
        "schedule": "every minute",
        "priority": "high",
        "max_retries": 5,
        "initial_delay_ms": 2_000,
        "tags": ["demo"],
    }


class Command(BaseCommand):
    """Fill an empty database."""

    help = "On an empty database, create a few tasks that show what a fleet does."

    def handle(self, *args: Any, **options: Any) -> None:
        if first_start.anything_defined():
            self.stdout.write("There are tasks already; the demo is left out.")
            return
        with transaction.atomic():
            _load((settings.TASKFLEET.public_url or HERE).rstrip("/"))
        self.stdout.write("Demo: five tasks, one of them every minute, and a batch.")


def _load(site: str) -> None:
    owner = first_start.first_administrator()
    check, _, _, wait, nothing = authoring.create_many([_check(site), *FOLLOWERS, *MEMBERS], by=owner)
    trigger.trigger(check, by=owner)
    waits: list[dict[str, Any] | None] = [{"config": {"params": {"seconds": wait}}} for wait in WAITS_SECONDS]
    members = [*(wait.pk for _ in waits), *(nothing.pk for _ in waits)]
    overrides = [*waits, *(None for _ in waits)]
    batches.start(members, by=owner, max_parallel=AT_ONCE, overrides=overrides, name="A first batch")
