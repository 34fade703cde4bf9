"""What an answer means: when to come back, which headers are kept, how a body is read."""

from datetime import timedelta

import pytest
from requests.structures import CaseInsensitiveDict

from executors.answers import Answer, failure_of, retry_after_of
from executors.errors import PermanentFailure
from tests.executors.runs import NOW


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(status=status, headers=named, body=body, url="http://x/", elapsed_ms=1)


def test_retry_after_in_seconds() -> None:
    assert retry_after_of(answer(429, Retry_After="120"), now=NOW) == 120


def test_retry_after_as_a_date_counts_from_the_servers_own_clock() -> None:
    date, due = "Sun, 01 Mar 2026 11:00:00 GMT", "Sun, 01 Mar 2026 11:00:30 GMT"
    assert retry_after_of(answer(503, Retry_After=due, Date=date), now=NOW) == 30


def test_retry_after_as_a_date_without_a_server_clock_counts_from_now() -> None:
    due = "Sun, 01 Mar 2026 12:01:00 GMT"
    assert retry_after_of(answer(503, Retry_After=due), now=NOW) == 60
    assert retry_after_of(answer(503, Retry_After=due), now=NOW + timedelta(hours=1)) == 0


@pytest.mark.parametrize("header", ["soon", "-5", "", "१२", "Sun, 99 Mar 2026"])
def test_a_retry_after_that_says_nothing_is_nothing(header: str) -> None:
    assert retry_after_of(answer(429, Retry_After=header), now=NOW) is None


def test_retry_after_may_stand_in_a_json_body() -> None:
    limited = answer(429, b'{"retry_after": 1.5}', Content_Type="application/json")
    assert retry_after_of(limited, now=NOW) == 1.5
    for body in (b"[1]", b'{"retry_after": true}', b'{"retry_after": "x"}', b"{"):
        assert retry_after_of(answer(429, body, Content_Type="application/json"), now=NOW) is None


def test_a_rate_limit_carries_when_to_come_back_and_what_was_said() -> None:
    failure = failure_of(answer(429, b"slow down", Retry_After="3"), now=NOW)
    assert failure is not None
    assert (failure.kind, failure.retry_after, failure.details["body"]) == ("rate_limit", 3, "slow down")


def test_an_answer_below_400_is_no_failure() -> None:
    assert failure_of(answer(302), now=NOW) is None


def test_only_harmless_headers_are_kept() -> None:
    shown = answer(ETag="1", Set_Cookie="s=1", X_RateLimit_Left="3", Authorization="x").shown_headers()
    assert shown == {"etag": "1", "x-ratelimit-left": "3"}


def test_a_body_is_read_in_its_charset_and_never_fails() -> None:
    assert answer(200, "größe".encode("latin-1"), Content_Type="text/plain; charset=ISO-8859-1").text() == "größe"
    assert answer(200, "größe".encode(), Content_Type="text/plain").text() == "größe"
    assert answer(200, b"x", Content_Type="text/plain; charset=no-such").text() == "x"
    assert answer(200, b"\xff").text() == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("body", [b"{", b"", b"[" * 100_000])
def test_a_body_that_is_not_json_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(PermanentFailure) as refused:
        answer(200, body).json()
    assert refused.value.kind == "bad_response"
