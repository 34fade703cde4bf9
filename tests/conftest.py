"""What every test may use: definitions made in a line, and the engine's own guards."""

import itertools
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasks_app.models import DefinitionHead, DefinitionVersion, Dependency, TaskDefinition

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _guard_of_this_process() -> Iterator[None]:
    """Runs in this process have deadlines too; the signals that end a test run stay what they were."""
    from tasks_app.engine.guard import GUARD

    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGQUIT)}
    GUARD.install()
    for signum, handler in before.items():
        signal.signal(signum, handler)
    yield


@pytest.fixture(autouse=True)
def _closed_fuse() -> None:
    from tasks_app.broker.fuse import FUSE
    from tasks_app.engine import backpressure

    FUSE.mend()
    backpressure.forget()


@pytest.fixture
def define() -> Callable[..., TaskDefinition]:
    """define(task_type="append", config={}, after=[(upstream, condition)], **version fields)."""

    def make(
        task_type: str = "append",
        config: dict[str, Any] | None = None,
        *,
        name: str = "",
        after: Any = (),
        owner: Any = None,
        **fields: Any,
    ) -> TaskDefinition:
        definition = TaskDefinition.objects.create(name=name or f"task {next(_numbers)}", owner=owner)
        fields.setdefault("trigger_on_dependencies", False)
        version = DefinitionVersion.objects.create(
            definition=definition, number=1, task_type=task_type, config=config or {}, **fields
        )
        TaskDefinition.objects.filter(pk=definition.pk).update(current_version=version)
        DefinitionHead.objects.create(definition=definition)
        for edge in after:
            upstream, condition, *more = edge if isinstance(edge, tuple) else (edge, "success")
            Dependency.objects.create(
                upstream=upstream, downstream=definition, condition=condition, **(more[0] if more else {})
            )
        definition.refresh_from_db()
        return definition

    return make
