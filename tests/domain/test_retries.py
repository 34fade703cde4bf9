"""What follows from a failure."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks_app.domain.retries import RETRYABLE, GiveUp, Retry, RetryPolicy, decide


def after(
    policy: RetryPolicy | None = None,
    *,
    kind: str = "timeout",
    used: int = 0,
    retry_after: float | None = None,
    idempotent: bool = True,
    chance: float = 1.0,
) -> Retry | GiveUp:
    return decide(
        policy or RetryPolicy(),
        kind=kind,
        retries_used=used,
        retry_after_seconds=retry_after,
        idempotent=idempotent,
        random=lambda: chance,
    )


def seconds(decision: Retry | GiveUp) -> float:
    assert isinstance(decision, Retry)
    return decision.delay.total_seconds()


def test_by_default_delays_double_from_one_second_and_three_retries_are_made() -> None:
    assert [seconds(after(used=used)) for used in range(3)] == [1, 2, 4]
    assert after(used=3) == GiveUp("3 of 3 retries are used.")


def test_delays_never_grow_beyond_the_longest() -> None:
    policy = RetryPolicy(max_retries=100_000)
    assert seconds(after(policy, used=5)) == 30
    assert seconds(after(policy, used=99_999)) == 30


def test_jitter_shortens_a_delay_by_at_most_its_share() -> None:
    assert seconds(after(used=2, chance=0.0)) == 2
    assert seconds(after(RetryPolicy(jitter=0), used=2, chance=0.0)) == 4
    assert seconds(after(RetryPolicy(jitter=1), used=2, chance=0.0)) == 0


@pytest.mark.parametrize("kind", sorted(RETRYABLE))
def test_without_conditions_all_four_kinds_are_retried(kind: str) -> None:
    assert isinstance(after(kind=kind), Retry)


def test_conditions_name_the_only_kinds_that_are_retried() -> None:
    only_network = RetryPolicy(retry_conditions=frozenset({"network_error"}))
    assert isinstance(after(only_network, kind="network_error"), Retry)
    assert after(only_network, kind="timeout") == GiveUp("A failure of kind timeout is not retried.")
    assert isinstance(after(RetryPolicy(retry_conditions=frozenset()), kind="timeout"), GiveUp)


@pytest.mark.parametrize("kind", ["invalid_config", "auth_failed", "not_found", "execution_error", "unheard_of"])
def test_permanent_and_unknown_kinds_are_not_retried(kind: str) -> None:
    assert isinstance(after(kind=kind), GiveUp)


def test_a_lost_worker_is_retried_whatever_the_conditions_if_running_twice_does_no_harm() -> None:
    policy = RetryPolicy(retry_conditions=frozenset())
    assert isinstance(after(policy, kind="worker_lost"), Retry)
    assert isinstance(after(policy, kind="worker_lost", idempotent=False), GiveUp)
    assert isinstance(after(policy, kind="worker_lost", used=3), GiveUp)


def test_what_the_server_asked_for_is_waited_even_beyond_our_longest_delay() -> None:
    assert seconds(after(kind="rate_limit", retry_after=120)) == 120
    assert seconds(after(kind="rate_limit", retry_after=0.5)) == 1
    assert seconds(after(kind="rate_limit", retry_after=0.75, chance=0.0)) == 0.75


def test_a_server_that_asks_for_days_is_tried_again_after_an_hour_or_our_own_longest_delay() -> None:
    assert seconds(after(kind="rate_limit", retry_after=86_400 * 3)) == 3600
    patient = RetryPolicy(max_delay_ms=7_200_000)
    assert seconds(after(patient, kind="rate_limit", retry_after=math.inf)) == 7200


@pytest.mark.parametrize("nonsense", [-5.0, 0.0, math.nan])
def test_a_senseless_wish_of_the_server_is_ignored(nonsense: float) -> None:
    assert seconds(after(kind="rate_limit", retry_after=nonsense)) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"max_retries": -1}, "max_retries"),
        ({"initial_delay_ms": -1}, "initial_delay_ms"),
        ({"max_delay_ms": -1}, "max_delay_ms"),
        ({"backoff_multiplier": 0.5}, "backoff_multiplier"),
        ({"backoff_multiplier": math.nan}, "backoff_multiplier"),
        ({"jitter": 1.5}, "jitter"),
        ({"retry_conditions": frozenset({"sometimes"})}, "retry_conditions"),
    ],
)
def test_an_impossible_policy_is_refused_by_the_name_of_its_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        RetryPolicy(**values)


@given(
    policy=st.builds(
        RetryPolicy,
        max_retries=st.integers(0, 2000),
        initial_delay_ms=st.integers(0, 10**7),
        max_delay_ms=st.integers(0, 10**7),
        backoff_multiplier=st.floats(1, 1e9),
        jitter=st.floats(0, 1),
        retry_conditions=st.none() | st.frozensets(st.sampled_from(sorted(RETRYABLE))),
    ),
    kind=st.sampled_from([*RETRYABLE, "worker_lost", "execution_error"]),
    used=st.integers(0, 2000),
    retry_after=st.none() | st.floats(),
    idempotent=st.booleans(),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_every_decision_keeps_its_bounds(
    policy: RetryPolicy, kind: str, used: int, retry_after: float | None, idempotent: bool, chance: float
) -> None:
    decision = decide(
        policy,
        kind=kind,
        retries_used=used,
        retry_after_seconds=retry_after,
        idempotent=idempotent,
        random=lambda: chance,
    )
    if isinstance(decision, GiveUp):
        assert decision.reason
        return
    assert used < policy.max_retries
    assert kind == "worker_lost" or kind in (RETRYABLE if policy.retry_conditions is None else policy.retry_conditions)
    longest = timedelta(milliseconds=policy.max_delay_ms)
    assert timedelta(0) <= decision.delay <= max(longest, timedelta(hours=1))
    if retry_after is None:
        assert decision.delay <= longest
