"""What the owner of a call expects of its answer, and whether it came true.

Used by api_call. Judges an `Answer`; sends nothing and retries nothing.
"""

from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, Field

from executors.answers import Answer
from executors.contract import Config


def _readable(expression: str) -> str:
    try:
        jmespath.compile(expression)
    except JMESPathError as exc:
        raise ValueError(f"Not a JMESPath expression: {str(exc).splitlines()[0]}") from exc
    return expression


Path = Annotated[str, Field(max_length=512), AfterValidator(_readable)]


class Expect(Config):
    """What must be true of the answer; the task fails otherwise. Without `status`, anything below 400 is good."""

    status: list[Annotated[int, Field(ge=100, le=599)]] | None = Field(None, description="The statuses that are good.")
    json_values: dict[Path, Any] = Field(
        default_factory=dict, alias="json", description="JMESPath to the value the JSON answer must have there."
    )
    body_contains: str | None = Field(None, min_length=1, description="A text the body must hold.")
    max_latency_ms: int | None = Field(None, ge=1, description="The longest acceptable duration in milliseconds.")

    def welcomes(self, status: int) -> bool:
        """Whether a status the owner listed is thereby no failure, whatever it usually means."""
        return self.status is not None and status in self.status


def judge(expect: Expect, answer: Answer) -> list[dict[str, Any]]:
    """One row an expectation: what was expected, what came, and whether that is good."""
    rows: list[dict[str, Any]] = []
    if expect.status is not None:
        rows.append(_row("status", expect.status, answer.status, answer.status in expect.status))
    if expect.json_values:
        document = answer.json()
        for path, wished in expect.json_values.items():
            found = jmespath.search(path, document)
            rows.append(_row(f"json {path}", wished, found, found == wished))
    if expect.body_contains is not None:
        held = expect.body_contains in answer.text()
        rows.append(_row("body contains", expect.body_contains, held, held))
    if expect.max_latency_ms is not None:
        fast = answer.elapsed_ms <= expect.max_latency_ms
        rows.append(_row("latency ms", expect.max_latency_ms, answer.elapsed_ms, fast))
    return rows


def _row(what: str, wished: Any, found: Any, good: bool) -> dict[str, Any]:
    return {"what": what, "expected": wished, "found": found, "good": good}
