"""The publisher of our side, a process of its own: `python -m bench.ours`, ordered about by `throughput`.

It does what the API does: finds the definition and hands it to the engine's verb. Answers are monotonic times.
"""

import time
from typing import Any
from uuid import UUID

import django

django.setup()

from bench.processes import serve  # noqa: E402 - needs Django to be set up
from tasks_app.engine import authoring, batches, trigger  # noqa: E402
from tasks_app.engine.drafts import Draft  # noqa: E402
from tasks_app.models import TaskDefinition  # noqa: E402


def define(path: str) -> str:
    """A definition of the measured work."""
    draft = Draft(name="no-op", task_type="noop", config={"path": path})
    return str(authoring.create(draft, by=None).pk)


def single(definition_id: str, count: int) -> dict[str, float]:
    """So many executions, each triggered on its own."""
    definition = TaskDefinition.objects.select_related("current_version").get(pk=UUID(definition_id))
    began = time.monotonic()
    for _ in range(count):
        trigger.trigger(definition)
    return {"began": began, "ended": time.monotonic()}


def batch(definition_id: str, count: int, max_parallel: int) -> dict[str, Any]:
    """So many executions as the members of one batch."""
    began = time.monotonic()
    started = batches.start([UUID(definition_id)] * count, max_parallel=max_parallel)
    return {"began": began, "ended": time.monotonic(), "batch": str(started.pk)}


if __name__ == "__main__":
    serve(define=define, single=single, batch=batch)
