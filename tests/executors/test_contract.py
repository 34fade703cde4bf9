"""The contract every executor stands on."""

from datetime import timedelta

import pydantic
import pytest

from executors.contract import Config, Context
from executors.errors import PermanentFailure
from tests.executors.runs import NOW, context_for


class Sample(Config):
    max_items: int = 1


def test_a_config_is_written_in_camel_case_or_snake_case() -> None:
    assert Sample.model_validate({"maxItems": 2}) == Sample.model_validate({"max_items": 2})


def test_a_config_refuses_unknown_keys_and_changes() -> None:
    with pytest.raises(pydantic.ValidationError):
        Sample.model_validate({"maxItem": 2})
    with pytest.raises(pydantic.ValidationError):
        Sample(max_items=1).max_items = 2  # type: ignore[misc]


def test_time_left_counts_down_from_the_deadline_and_stops_at_zero() -> None:
    first = context_for("custom", {"function": "noop"}, seconds=5)
    left = first.time_left()
    assert left is not None and 4 < left <= 5
    assert context_for("custom", {"function": "noop"}, deadline=NOW - timedelta(seconds=9)).time_left() == 0.0


def test_without_a_deadline_there_is_no_end() -> None:
    context: Context[Config] = context_for("custom", {"function": "noop"})
    assert context.time_left() is None


def test_a_permanent_failure_takes_only_kinds_that_are_permanent() -> None:
    with pytest.raises(ValueError, match="timeout"):
        PermanentFailure("no", kind="timeout")
