"""What an executor is: its typed config, what it is handed, what it gives back.

The engine builds a `Context` and calls `run`; the API and the forms read the JSON Schema of the config model.
No task type, no transport and no storage may come in here.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Config(BaseModel):
    """Settings of one task: immutable, unknown keys refused, written in camelCase or snake_case."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


C = TypeVar("C", bound=Config)


class Log(Protocol):
    """Lines of the execution's own log, readable while it runs."""

    def debug(self, message: str, **data: Any) -> None: ...
    def info(self, message: str, **data: Any) -> None: ...
    def warning(self, message: str, **data: Any) -> None: ...
    def error(self, message: str, **data: Any) -> None: ...


class Fleet(Protocol):
    """The only way from an executor to the system that runs it."""

    def prune(self) -> Mapping[str, Any]: ...
    def send_celery_task(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Context(Generic[C]):
    """Everything one run may know. `now` and `deadline` come from the caller's clock.

    `inputs` holds the end of each upstream by its name: status, execution_id, summary, data and error.
    `should_stop` may be asked from another thread.
    `secrets` raises LookupError for a name that does not exist.
    """

    execution_id: str
    config: C
    inputs: Mapping[str, Any]
    attempt: int
    now: datetime
    deadline: datetime | None
    secrets: Callable[[str], str]
    state: Mapping[str, Any]
    fleet: Fleet
    log: Log
    progress: Callable[[float], None]
    should_stop: Callable[[], bool]
    idempotency_key: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic, repr=False)

    def time_left(self) -> float | None:
        """Seconds until the deadline, never below zero; None when there is no deadline."""
        if self.deadline is None:
            return None
        elapsed = time.monotonic() - self.begun
        return max(0.0, (self.deadline - self.now).total_seconds() - elapsed)


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something a person should hear about; `key` makes two reports of the same thing one."""

    code: str
    message: str
    severity: Literal["info", "low", "medium", "high", "critical"] = "medium"
    value: Any = None
    threshold: Any = None
    key: str = ""


@dataclass(frozen=True)
class Result:
    """What a run that succeeded gives back. `data` is JSON; `state` replaces the definition's state unless None."""

    summary: str
    data: Any = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    items_processed: int = 0
    state: Mapping[str, Any] | None = None
    partial: bool = False
    warnings: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] = ()


class Executor(ABC, Generic[C]):
    """One kind of task. Subclasses name themselves, their config model and their habits, and implement `run`.

    `requires` names importable modules of optional extras: without them the type is known but not runnable here.
    """

    task_type: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    category: ClassVar[str]
    config_model: type[C]
    timeout: ClassVar[timedelta] = timedelta(seconds=300)
    idempotent: ClassVar[bool] = True
    light: ClassVar[bool] = False
    pool: ClassVar[str] = "default"
    requires: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def run(self, context: Context[C]) -> Result:
        """Do the work once. Raise one of `executors.errors` to fail."""

    def is_idempotent(self, config: C) -> bool:
        """Whether a run with this config may be repeated after it was cut off. By default what the class says."""
        return self.idempotent

    def check(self, config: C, *, settings: Mapping[str, Any]) -> Mapping[str, list[str]]:
        """Field errors that depend on the operator's settings, found before anything runs; empty when all is well."""
        return {}

    @classmethod
    def config_schema(cls) -> dict[str, Any]:
        """The JSON Schema of the config, as the API publishes it."""
        return cls.config_model.model_json_schema(by_alias=True)
