"""What an HTTP answer is, and what it means when it is not the wished one.

Filled by `http`, read by the executors that call. Knows statuses and headers; knows no task type, opens nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from executors.errors import ExecutorError, PermanentFailure, RateLimited, TemporaryFailure
from executors.foreign import kind_of_status

SNIPPET = 1000
_SHOWN_HEADERS = frozenset(
    {
        *("age", "allow", "cache-control", "content-encoding", "content-language", "content-length", "content-type"),
        *("date", "deprecation", "etag", "expires", "last-modified", "location", "retry-after", "server", "sunset"),
        *("traceparent", "via", "x-request-id"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A complete answer: decoded, within the size cap (or `cut` there), read within the deadline."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    elapsed_ms: int
    redirects: tuple[str, ...] = ()
    cut: bool = False
    tls: Mapping[str, str] | None = None

    def text(self) -> str:
        """The body as text; an unknown or wrong charset never fails, it shows."""
        charset = self._content_type().partition("charset=")[2].partition(";")[0].strip("\"' ")
        try:
            return self.body.decode(charset or "utf-8", errors="replace")
        except LookupError:
            return self.body.decode("utf-8", errors="replace")

    def says_json(self) -> bool:
        return "json" in self._content_type().partition(";")[0]

    def json(self) -> Any:
        try:
            return json.loads(self.text())
        except (ValueError, RecursionError) as exc:
            raise PermanentFailure(
                f"The answer (status {self.status}) is not JSON: {str(exc)[:200]}.",
                kind="bad_response",
                details={"status": self.status, "body": self.snippet()},
            ) from exc

    def snippet(self) -> str:
        return self.text()[:SNIPPET]

    def shown_headers(self) -> dict[str, str]:
        """The headers worth keeping, none of which carries a credential."""
        return {
            name.lower(): value
            for name, value in self.headers.items()
            if name.lower() in _SHOWN_HEADERS or "ratelimit" in name.lower()
        }

    def _content_type(self) -> str:
        return self.headers.get("Content-Type", "").lower()


def failure_of(answer: Answer, *, now: datetime) -> ExecutorError | None:
    """The error an answer means by its status; None below 400."""
    kind = kind_of_status(answer.status)
    if kind is None:
        return None
    message = f"The server answered {answer.status}."
    details = {"status": answer.status, "body": answer.snippet(), "headers": answer.shown_headers()}
    later = retry_after_of(answer, now=now)
    if kind == "rate_limit":
        return RateLimited(message, retry_after=later, details=details)
    if kind == "temporary_failure":
        return TemporaryFailure(message, retry_after=later, details=details)
    return PermanentFailure(message, kind=kind, details=details)


def retry_after_of(answer: Answer, *, now: datetime) -> float | None:
    """Seconds to wait: the Retry-After header (seconds or a date), else a numeric `retry_after` in a JSON body."""
    header = answer.headers.get("Retry-After", "").strip()
    if header.isascii() and header.isdigit():
        return float(header[:12])
    if header:
        return _until(header, answer.headers.get("Date"), now)
    return _said_in_body(answer)


def _until(header: str, server_date: str | None, now: datetime) -> float | None:
    """A date is counted from the server's own Date, so that two clocks that differ do no harm."""
    due = _date(header)
    if due is None:
        return None
    return max(0.0, (due - (_date(server_date or "") or now)).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _said_in_body(answer: Answer) -> float | None:
    if not answer.says_json():
        return None
    try:
        said = json.loads(answer.text())
    except (ValueError, RecursionError):
        return None
    seconds = said.get("retry_after") if isinstance(said, dict) else None
    return max(0.0, float(seconds)) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None
