"""Whether an edge between two executions is lit by how the upstream ended.

Called by `engine/cascade` when an execution ends and by authoring to validate expressions. Custom conditions are CEL:
no input or output, no loops without bound; length, nesting and the size of what they read are limited here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cel

from tasks_app.domain.states import FINAL, State

LONGEST_EXPRESSION = 512
# all, exists, map and filter inside each other cost the product of their lists.
DEEPEST_NESTING = 2
MOST_STEPS = 250_000
_LONGEST_REASON = 200

# Comments and string literals, raw ones first: brackets inside them do not count.
_TEXT = re.compile(
    r"//[^\n]*"
    r"""|(?:[rR][bB]?|[bB][rR])(?:"{3}.*?"{3}|'{3}.*?'{3}|"[^"]*"|'[^']*')"""
    r"""|"{3}(?:\\.|[^\\])*?"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""",
    re.DOTALL,
)
_OPENING = re.compile(r"(\.\s*(?:all|exists|exists_one|map|filter|existsOne)\s*\()|([(\[{])|([)\]}])")


class EdgeCondition(StrEnum):
    """Which end of the upstream lights an edge."""

    SUCCESS = "success"
    FAILURE = "failure"
    COMPLETION = "completion"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Lit or dead, and why in a sentence."""

    lit: bool
    reason: str


def satisfied(
    condition: EdgeCondition | str, *, state: State | str, expression: str | None, facts: Mapping[str, Any]
) -> bool:
    """Whether the edge is lit. `judge` also says why."""
    return judge(condition, state=state, expression=expression, facts=facts).lit


def judge(
    condition: EdgeCondition | str, *, state: State | str, expression: str | None, facts: Mapping[str, Any]
) -> Verdict:
    """What an upstream that is now in `state` makes of its edge.

    Success is lit by completed, failure by failed, completion by any final state, custom by its expression on any
    final state. The expression reads `facts`, and the state as `state` and `status`.
    """
    condition, state = EdgeCondition(condition), State(state)
    if state not in FINAL:
        return Verdict(False, f"The upstream is {state}, which is not its end.")
    if condition is EdgeCondition.CUSTOM:
        return _evaluated(expression or "", {"state": state.value, "status": state.value, **facts})
    wanted = {EdgeCondition.SUCCESS: {State.COMPLETED}, EdgeCondition.FAILURE: {State.FAILED}}.get(condition, FINAL)
    return Verdict(state in wanted, f"The upstream ended {state}; the edge waits for {condition}.")


def validate_expression(text: str) -> None:
    """Raise ValueError, with a sentence for the author, if `text` cannot be a custom condition."""
    if not text.strip():
        raise ValueError("A custom condition needs an expression, such as status == 'completed'.")
    if len(text) > LONGEST_EXPRESSION:
        raise ValueError(f"An expression has at most {LONGEST_EXPRESSION} characters; this has {len(text)}.")
    if _nesting(text) > DEEPEST_NESTING:
        raise ValueError(f"all, exists, map and filter may stand at most {DEEPEST_NESTING} deep in each other.")
    _compiled(text)


def _evaluated(expression: str, facts: dict[str, Any]) -> Verdict:
    """Any error is a dead edge with its reason: a condition that cannot be answered must not start work."""
    try:
        validate_expression(expression)
        if max(_widest(facts), len(expression)) ** _nesting(expression) > MOST_STEPS:
            return Verdict(False, "The upstream's result is too large for this condition.")
        answer = _compiled(expression).execute(facts)
    except KeyError as missing:
        return Verdict(False, f"The upstream's result has no {str(missing)[:_LONGEST_REASON]}.")
    except Exception as error:
        return Verdict(False, f"The condition could not be evaluated: {str(error)[:_LONGEST_REASON]}")
    if not isinstance(answer, bool):
        return Verdict(False, f"The condition gave {type(answer).__name__}, not true or false.")
    return Verdict(answer, f"The condition is {str(answer).lower()}.")


def _compiled(text: str) -> Any:
    try:
        return cel.compile(text)
    except ValueError as error:
        # The first line names place and problem; the rest draws an arrow under the expression.
        said = str(error).partition("ERROR: ")[2] or str(error)
        raise ValueError(f"The expression cannot be read: {said.splitlines()[0]}") from None


def _nesting(text: str) -> int:
    """How deep comprehension macros stand inside each other."""
    deepest, brackets = 0, [False]  # for each open bracket: does it belong to a macro?
    for match in _OPENING.finditer(_TEXT.sub(" ", text)):
        if not match[3]:
            brackets.append(match[1] is not None)
            deepest = max(deepest, sum(brackets))
        elif len(brackets) > 1:
            brackets.pop()
    return deepest


def _widest(value: Any) -> int:
    """The most items any one list, map or text among the facts has."""
    widest, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            widest = max(widest, len(item))
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            widest = max(widest, len(item))
            waiting.extend(item)
    return widest
