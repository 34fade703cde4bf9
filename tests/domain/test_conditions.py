"""Which end of an upstream lights an edge."""

import time
from typing import Any

import pytest

from tasks_app.domain.conditions import EdgeCondition, Verdict, judge, satisfied, validate_expression
from tasks_app.domain.states import FINAL, OPEN, State

FACTS = {"result": {"price": 0.07, "alerts": ["a"], "nothing": None}}


def custom(expression: str | None, facts: Any = FACTS, state: str = "completed") -> Verdict:
    return judge("custom", state=state, expression=expression, facts=facts)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_success_failure_and_completion_are_lit_by_their_ends_only(state: str) -> None:
    lit = {c for c in ("success", "failure", "completion") if satisfied(c, state=state, expression=None, facts={})}
    assert lit == {"completion"} | (
        {"success"} if state == "completed" else {"failure"} if state == "failed" else set()
    )


@pytest.mark.parametrize("state", sorted(OPEN))
@pytest.mark.parametrize("condition", sorted(EdgeCondition))
def test_nothing_is_lit_before_the_upstream_has_ended(condition: str, state: str) -> None:
    verdict = judge(condition, state=state, expression="true", facts={})
    assert not verdict.lit and "not its end" in verdict.reason


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_custom_condition_is_asked_at_every_end(state: str) -> None:
    assert custom("true", state=state).lit
    assert custom(f"state == '{state}' && status == '{state}'", state=state).lit


@pytest.mark.parametrize(
    ("expression", "lit"),
    [
        ("status == 'completed' && result.price > 0.05 && size(result.alerts) > 0", True),
        ("result.price > 0.1", False),
        ("has(result.volume)", False),
        ("has(result.volume) && result.volume > 1", False),
        ("result.nothing == null", True),
        ("result.alerts.exists(a, a == 'a')", True),
    ],
)
def test_a_custom_condition_reads_the_result(expression: str, lit: bool) -> None:
    assert custom(expression).lit is lit


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("result.volume > 1", "has no 'volume'"),
        ("volume > 1", "Undefined variable"),
        ("result.price", "gave float"),
        ("1 / 0 == 1", "could not be evaluated"),
        ("result.price + 'a' == 'b'", "could not be evaluated"),
        ("result.price >", "cannot be read"),
        ("", "needs an expression"),
        (None, "needs an expression"),
        ("'a'.matches('(')", "could not be evaluated"),
    ],
)
def test_a_condition_that_cannot_be_answered_is_dead_and_says_why(expression: str, reason: str) -> None:
    verdict = custom(expression)
    assert not verdict.lit and reason in verdict.reason


def test_facts_that_are_no_json_are_a_dead_edge_too() -> None:
    assert not custom("result.x == 1", {"result": {"x": object()}}).lit


def test_a_valid_expression_is_accepted_up_to_its_longest() -> None:
    validate_expression("status == 'failed' || result.items.exists(i, i.tags.exists(t, t == 'x'))")
    validate_expression("'" + "a" * 503 + "' != ''"[:7])
    with pytest.raises(ValueError, match="at most 512"):
        validate_expression("true" + " " * 509)


def test_a_broken_expression_is_refused_with_the_place_of_the_mistake() -> None:
    with pytest.raises(ValueError, match=r"cannot be read: <input>:1:3"):
        validate_expression("a b")


THREE_DEEP = "xs.all(x, xs.all(y, xs.all(z, true)))"


@pytest.mark.parametrize(
    "expression",
    [
        THREE_DEEP,
        "xs.map(x, xs.filter(y, xs.exists_one(z, true))) == []",
        "xs.all(x, // )\n xs.all(y, xs.all(z, true)))",  # a bracket in a comment closes nothing
        r"r'\' == 'a' || xs.all(x, xs.all(y, xs.all(z, true))) || r'\' == 'b'",  # a raw string ends at its quote
        "xs.all(x, ')' == '' || xs.all(y, xs.all(z, true)))",
        "xs . all (x, xs.all(y, xs.all(z, true)))",
    ],
)
def test_macros_three_deep_are_refused_however_they_are_hidden(expression: str) -> None:
    with pytest.raises(ValueError, match="2 deep"):
        validate_expression(expression)
    began = time.perf_counter()
    assert not custom(expression, {"xs": list(range(1000))}).lit
    assert time.perf_counter() - began < 0.1


def test_macros_beside_each_other_and_their_names_in_a_text_are_no_nesting() -> None:
    validate_expression("a.all(x, x) && b.all(x, x) && c.all(x, x) && d.exists(x, x)")
    assert custom("'.all(.all(.all(' != ''").lit


def test_a_result_too_large_for_nested_macros_is_a_dead_edge_and_quick() -> None:
    facts = {"xs": list(range(100_000))}
    began = time.perf_counter()
    verdict = custom("xs.all(x, xs.all(y, x + y >= 0))", facts)
    assert not verdict.lit and "too large" in verdict.reason
    assert time.perf_counter() - began < 1
    assert custom("size(xs) == 100000", facts).lit


def test_a_hostile_pattern_is_matched_in_no_time() -> None:
    began = time.perf_counter()
    assert not custom("result.text.matches('(a|aa)+$')", {"result": {"text": "a" * 60 + "b"}}).lit
    assert time.perf_counter() - began < 0.5


def test_an_unknown_condition_or_state_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError):
        satisfied("sometimes", state=State.COMPLETED, expression=None, facts={})
    with pytest.raises(ValueError):
        satisfied("success", state="done", expression=None, facts={})
