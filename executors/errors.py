"""The small taxonomy in which executors fail, and `classify`, which brings any exception into it.

Executors raise these; the engine classifies whatever left `run`. What follows from a kind (retry, delay, giving up)
is decided elsewhere, never here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pydantic

from executors.foreign import dotted_name, kind_of

MESSAGE_LIMIT = 2000
RETRYABLE_KINDS = frozenset({"network_error", "timeout", "rate_limit", "temporary_failure"})
PERMANENT_KINDS = frozenset(
    {
        "invalid_config",
        "blocked_target",
        "auth_failed",
        "not_found",
        "bad_response",
        "execution_error",
        "out_of_memory",
    }
)


class ExecutorError(Exception):
    """A failure an executor understood. `details` is JSON and may be shown to the owner."""

    kind: str = "execution_error"
    retry_after: float | None = None

    def __init__(self, message: str, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = dict(details or {})

    @property
    def retryable(self) -> bool:
        return self.kind in RETRYABLE_KINDS


class NetworkError(ExecutorError):
    """The other side could not be reached, or the connection broke."""

    kind = "network_error"


class TimedOut(ExecutorError):
    """The other side, or the work itself, took longer than allowed."""

    kind = "timeout"


class TemporaryFailure(ExecutorError):
    """It did not work now and may work later; `retry_after` in seconds if somebody said when."""

    kind = "temporary_failure"

    def __init__(
        self, message: str, *, retry_after: float | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, details=details)
        self.retry_after = retry_after


class RateLimited(TemporaryFailure):
    """The other side asked us to come back later."""

    kind = "rate_limit"


class PermanentFailure(ExecutorError):
    """Trying again will not help until somebody changes something."""

    def __init__(
        self, message: str, *, kind: str = "execution_error", details: Mapping[str, Any] | None = None
    ) -> None:
        if kind not in PERMANENT_KINDS:
            raise ValueError(f"{kind!r} is not a permanent kind; use one of {', '.join(sorted(PERMANENT_KINDS))}.")
        super().__init__(message, details=details)
        self.kind = kind


class Stopped(BaseException):
    """The run was asked to stop and did. A BaseException, so that `except Exception` in an executor cannot eat it."""


@dataclass(frozen=True)
class Failure:
    """A failure as a value: what the engine records and the retry policy judges."""

    kind: str
    message: str
    retry_after_seconds: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def retryable(self) -> bool:
        return self.kind in RETRYABLE_KINDS


def classify(exc: BaseException) -> Failure:
    """What an exception that left `run` means. Of a group, the most hopeful member speaks."""
    if isinstance(exc, ExecutorError):
        return Failure(exc.kind, exc.message[:MESSAGE_LIMIT], exc.retry_after, exc.details)
    if isinstance(exc, Stopped):
        return Failure("stopped", str(exc) or "The run was stopped.")
    if isinstance(exc, BaseExceptionGroup):
        failures = [classify(member) for member in exc.exceptions]
        return next((failure for failure in failures if failure.retryable), failures[0])
    return Failure(kind_of(exc), _message_of(exc), None, {"exception": dotted_name(type(exc))})


def _message_of(exc: BaseException) -> str:
    """One line for a person. A validation error is written without the values it complains about."""
    if isinstance(exc, pydantic.ValidationError):
        rows = exc.errors(include_url=False, include_context=False, include_input=False)
        return "; ".join(f"{'.'.join(map(str, row['loc'])) or exc.title}: {row['msg']}" for row in rows)[:MESSAGE_LIMIT]
    said = str(exc)
    return (f"{type(exc).__name__}: {said}" if said else type(exc).__name__)[:MESSAGE_LIMIT]
