"""Priorities and the order of the queue."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks_app.domain.priority import name_for, number_for, queue_at

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "number"),
    [("low", 2), ("normal", 4), (" High ", 6), ("CRITICAL", 9), ("0", 0), ("9", 9), (0, 0), (5, 5), (9, 9)],
)
def test_a_priority_is_a_name_or_a_number(value: Any, number: int) -> None:
    assert number_for(value) == number


@pytest.mark.parametrize("value", ["urgent", "", "10", "-1", "٣", 10, -1, True, None, 4.0])
def test_anything_else_is_refused_with_what_is_taken(value: Any) -> None:
    with pytest.raises(ValueError, match="low, normal, high, critical or a number from 0 to 9"):
        number_for(value)


def test_every_number_has_the_name_at_or_below_it() -> None:
    names = ["low"] * 4 + ["normal"] * 2 + ["high"] * 3 + ["critical"]
    assert [name_for(number) for number in range(10)] == names


@pytest.mark.parametrize("name", ["low", "normal", "high", "critical"])
def test_a_name_survives_its_number(name: str) -> None:
    assert name_for(number_for(name)) == name


def test_the_more_urgent_is_taken_first_and_waiting_makes_up_ten_minutes_a_step() -> None:
    ready = {number: queue_at(NOON, number) for number in range(10)}
    assert sorted(ready, key=ready.__getitem__) == list(range(9, -1, -1))
    low_since = NOON - timedelta(minutes=70)
    assert queue_at(low_since, 2) == queue_at(NOON, 9)
    assert queue_at(low_since - timedelta(seconds=1), 2) < queue_at(NOON, 9)
