"""The engine's side of `context.fleet`: the few things an executor may ask of the fleet itself."""

from collections.abc import Mapping
from typing import Any

from tasks_app.broker.plain import send_plain
from tasks_app.engine.prune import prune


class EngineFleet:
    """Implements `executors.contract.Fleet`."""

    def prune(self) -> Mapping[str, Any]:
        return prune()

    def rollup(self) -> Mapping[str, Any]:
        return {"days": 0}

    def send_celery_task(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
        return send_plain(name, args, kwargs, {})
