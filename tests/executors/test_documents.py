"""Any value becomes JSON that PostgreSQL takes."""

import dataclasses
import json
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from executors.documents import as_json

SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.decimals()


@given(st.recursive(SIMPLE, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)))
def test_anything_becomes_a_document(value: Any) -> None:
    text = json.dumps(as_json(value), allow_nan=False)
    assert "\\u0000" not in text.replace("\\\\", "")
    text.encode()
    json.dumps(as_json(value), ensure_ascii=False).encode()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text("abc"), st.lists))
def test_what_is_json_already_stays_as_it_is(value: Any) -> None:
    assert as_json(value) == value


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int


class Model(BaseModel):
    when: date


@pytest.mark.parametrize(
    ("value", "document"),
    [
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (timedelta(minutes=1), 60.0),
        (Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("/a/b"), "/a/b"),
        (Colour.RED, "red"),
        (Point(1), {"x": 1}),
        (Model(when=date(2026, 1, 2)), {"when": "2026-01-02"}),
        ((1, {2}), [1, [2]]),
        (float("nan"), None),
        ("a\0\ud800", "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
        (b"abc", "abc"),
    ],
)
def test_what_json_has_no_word_for(value: Any, document: Any) -> None:
    assert as_json(value) == document


def test_a_value_that_holds_itself_is_refused_in_words() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="64 levels"):
        as_json(loop)
