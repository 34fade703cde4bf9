"""The progress of a batch."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks_app.domain.batches import Progress, progress
from tasks_app.domain.states import FINAL, State

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def after(seconds: float, **counts: int) -> Progress:
    return progress(counts, started_at=NOON, now=NOON + timedelta(seconds=seconds))


def test_rate_and_rest_follow_from_what_has_ended() -> None:
    assert after(10, completed=40, failed=10, running=5, pending=45) == Progress(100, 50, 50.0, 5.0, 10.0)


def test_every_final_state_counts_as_done() -> None:
    assert after(1, completed=1, failed=1, cancelled=1, missed=1, skipped=1).done == 5


def test_nothing_is_100_percent_before_all_is_done() -> None:
    assert after(10, completed=99_999, running=1).percent == 99.9
    done = after(10, completed=100_000)
    assert (done.percent, done.estimated_seconds_left) == (100.0, 0.0)


def test_nothing_ended_yet_has_no_rate_and_no_estimate() -> None:
    assert after(10, running=5) == Progress(5, 0, 0.0, None, None)
    assert progress({"pending": 5}, started_at=None, now=NOON) == Progress(5, 0, 0.0, None, None)
    assert after(0, completed=1, running=1).rate_per_second is None


def test_an_empty_batch_is_done() -> None:
    assert progress({}, started_at=None, now=NOON) == Progress(0, 0, 100.0, None, 0.0)


def test_a_count_of_an_unknown_state_is_a_mistake() -> None:
    with pytest.raises(ValueError):
        after(1, done=5)


@given(counts=st.dictionaries(st.sampled_from(State), st.integers(0, 10**6)), seconds=st.floats(0, 10**6))
def test_percent_is_100_exactly_when_all_is_done(counts: dict[State, int], seconds: float) -> None:
    seen = progress(counts, started_at=NOON, now=NOON + timedelta(seconds=seconds))
    assert 0 <= seen.percent <= 100
    assert (seen.percent == 100) == (seen.done == seen.total)
    assert seen.done == sum(count for state, count in counts.items() if state in FINAL)
    assert seen.estimated_seconds_left is None or seen.estimated_seconds_left >= 0
