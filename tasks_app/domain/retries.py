"""What follows from a failure: another try after a delay, or giving up, and why.

Called by `engine/finish` and the sweep with the kind an executor's failure was classified as. Randomness is handed in;
clocks, sleeping and the counting of tries stay out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from executors.errors import RETRYABLE_KINDS

RETRYABLE = RETRYABLE_KINDS
WORKER_LOST = "worker_lost"
# A server may ask for a longer wait than our own backoff would; beyond this we try anyway.
LONGEST_RETRY_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a definition is retried. `retry_conditions` None means every retryable kind; an empty set means none."""

    max_retries: int = 3
    initial_delay_ms: int = 1_000
    max_delay_ms: int = 30_000
    backoff_multiplier: float = 2.0
    jitter: float = 0.5
    retry_conditions: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for field in ("max_retries", "initial_delay_ms", "max_delay_ms"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} cannot be negative.")
        if not 1 <= self.backoff_multiplier < math.inf:
            raise ValueError("backoff_multiplier is a number of at least 1.")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter is a share of the delay: between 0 and 1.")
        unknown = sorted((self.retry_conditions or frozenset()) - RETRYABLE)
        if unknown:
            raise ValueError(f"retry_conditions takes {', '.join(sorted(RETRYABLE))}; not {', '.join(unknown)}.")


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again, `delay` after the failure."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The execution has failed for good."""

    reason: str


def decide(
    policy: RetryPolicy,
    *,
    kind: str,
    retries_used: int,
    retry_after_seconds: float | None,
    idempotent: bool,
    random: Callable[[], float],
) -> Retry | GiveUp:
    """Whether a failure of `kind` is tried again, `retries_used` retries having gone before.

    A lost worker is not the work's fault: it is retried whatever the conditions say, if running twice does no harm;
    it counts against `max_retries` all the same, so that work that kills its workers ends.
    """
    if kind == WORKER_LOST and not idempotent:
        return GiveUp("The worker was lost, and the work may not be run twice.")
    conditions = RETRYABLE if policy.retry_conditions is None else policy.retry_conditions
    if kind != WORKER_LOST and kind not in conditions:
        return GiveUp(f"A failure of kind {kind} is not retried.")
    if retries_used >= policy.max_retries:
        return GiveUp(f"{retries_used} of {policy.max_retries} retries are used.")
    return Retry(_delay(policy, retries_used, retry_after_seconds, random))


def _delay(
    policy: RetryPolicy, retries_used: int, retry_after_seconds: float | None, random: Callable[[], float]
) -> timedelta:
    """Our own backoff, or what the server asked for if that is longer (at most an hour, or `max_delay` if greater)."""
    backoff = _backoff_ms(policy, retries_used) * (1 - policy.jitter + policy.jitter * random())
    if retry_after_seconds is None or not retry_after_seconds > 0:
        return timedelta(milliseconds=backoff)
    ceiling = max(policy.max_delay_ms, LONGEST_RETRY_AFTER / timedelta(milliseconds=1))
    return timedelta(milliseconds=max(backoff, min(retry_after_seconds * 1000, ceiling)))


def _backoff_ms(policy: RetryPolicy, retries_used: int) -> float:
    try:
        grown = policy.initial_delay_ms * policy.backoff_multiplier**retries_used
    except OverflowError:
        grown = math.inf if policy.initial_delay_ms else 0.0
    return min(float(policy.max_delay_ms), grown)
