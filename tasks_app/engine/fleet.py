"""The engine's side of `context.fleet`: the few things an executor may ask of the fleet itself."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from executors.errors import NetworkError
from tasks_app.broker.plain import send_plain
from tasks_app.engine.prune import prune


class EngineFleet:
    """Implements `executors.contract.Fleet`."""

    def prune(self) -> Mapping[str, Any]:
        return prune()

    def send_celery_task(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
        """The Celery id of the message. Raises NetworkError when the broker is away, which is worth a retry."""
        celery_id = str(uuid4())
        if not send_plain(name, args=args, kwargs=kwargs, options={"task_id": celery_id}):
            raise NetworkError(f"The broker does not answer; {name} was not sent.")
        return celery_id
