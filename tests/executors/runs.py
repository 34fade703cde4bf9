"""Runs an executor as the engine would: with a journal that can be read afterwards, and the failure as a value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from executors import registry
from executors.contract import Context, Result
from executors.errors import Failure, classify

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HERE: Mapping[str, Any] = {"http_allow_nets": ["127.0.0.0/8", "::1/128"]}
SECRETS = {
    "TOKEN": "t0ken-value-1234",
    "HOOK": "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
    "PASSWORD": "hunter2-hunter2",
}


@dataclass
class Journal:
    """The execution's log, kept in order."""

    lines: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def debug(self, message: str, **data: Any) -> None:
        self.lines.append(("debug", message, data))

    def info(self, message: str, **data: Any) -> None:
        self.lines.append(("info", message, data))

    def warning(self, message: str, **data: Any) -> None:
        self.lines.append(("warning", message, data))

    def error(self, message: str, **data: Any) -> None:
        self.lines.append(("error", message, data))

    def messages(self, level: str | None = None) -> list[str]:
        return [message for one, message, _ in self.lines if level in (None, one)]


class Ship:
    """A fleet that remembers what it was asked to send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[Any], dict[str, Any]]] = []

    def prune(self) -> Mapping[str, Any]:
        return {"pruned": 0}

    def send_celery_task(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
        self.sent.append((name, args, kwargs))
        return "message-1"


def context_for(task_type: str, config: Mapping[str, Any], **changes: Any) -> Context[Any]:
    """A context with the config validated. `seconds` sets a deadline that far from now."""
    seconds: float | None = changes.pop("seconds", None)
    model = registry.get(task_type).config_model
    given: dict[str, Any] = {
        "execution_id": "exec-1",
        "config": model.model_validate(config),
        "inputs": {},
        "attempt": 1,
        "now": NOW,
        "deadline": None if seconds is None else NOW + timedelta(seconds=seconds),
        "secrets": SECRETS.__getitem__,
        "state": {},
        "fleet": Ship(),
        "log": Journal(),
        "progress": lambda share: None,
        "should_stop": lambda: False,
        "idempotency_key": "key-1",
        "settings": HERE,
    }
    return Context(**given | changes)


def run(task_type: str, config: Mapping[str, Any], **changes: Any) -> Result:
    return registry.get(task_type).run(context_for(task_type, config, **changes))


def failure(task_type: str, config: Mapping[str, Any], **changes: Any) -> Failure:
    """What the run failed with; the test fails if it succeeded."""
    return failure_of(lambda: run(task_type, config, **changes))


def failure_of(work: Callable[[], Any]) -> Failure:
    try:
        result = work()
    except BaseException as exc:
        return classify(exc)
    raise AssertionError(f"expected a failure, got {result!r}")
