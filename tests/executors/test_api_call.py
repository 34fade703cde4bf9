"""api_call, against real servers."""

import json
import threading
import time
from typing import Any

import pydantic
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from executors import registry
from executors.general.api_call import ApiCall
from executors.redaction import MARK
from tests.executors.runs import HERE, Journal, context_for, failure, run
from tests.executors.wild import says, serving, silent


def errors(config: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(pydantic.ValidationError) as refused:
        registry.validate_config("api_call", config)
    return registry.config_errors(refused.value, model=ApiCall.config_model)


def last(server: HTTPServer) -> Request:
    return server.log[-1][0]


def test_an_answer_is_kept_with_its_json_and_its_headers(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/health").respond_with_json({"ok": True}, headers={"ETag": '"1"', "Set-Cookie": "s=1"})
    result = run("api_call", {"url": httpserver.url_for("/health")})
    assert (result.data["status"], result.data["json"], result.data["bytes"] > 0) == (200, {"ok": True}, True)
    assert result.data["headers"]["etag"] == '"1"'
    assert "set-cookie" not in result.data["headers"]
    assert result.metrics["elapsed_ms"] == result.data["elapsed_ms"]
    assert "200" in result.summary


@pytest.mark.parametrize("method", ["GET", "head", "POST", "put", "PATCH", "DELETE", "options"])
def test_every_method_is_sent_in_any_case(httpserver: HTTPServer, method: str) -> None:
    httpserver.expect_request("/").respond_with_data("")
    run("api_call", {"url": httpserver.url_for("/"), "method": method})
    assert last(httpserver).method == method.upper()


def test_query_headers_and_json_body_arrive(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("")
    config = {
        "url": httpserver.url_for("/?a=1"),
        "method": "POST",
        "query": {"b": "x y", "c": 2, "d": True},
        "headers": {"X-Own": "v"},
        "body": {"n": [1, "ü"]},
    }
    run("api_call", config)
    request = last(httpserver)
    assert request.args.to_dict() == {"a": "1", "b": "x y", "c": "2", "d": "true"}
    assert (request.headers["X-Own"], request.headers["Content-Type"]) == ("v", "application/json")
    assert json.loads(request.get_data()) == {"n": [1, "ü"]}


def test_a_text_body_and_a_form_arrive(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("")
    run(
        "api_call",
        {"url": httpserver.url_for("/"), "method": "POST", "body": "<x/>", "headers": {"content-type": "a/b"}},
    )
    assert (last(httpserver).get_data(), last(httpserver).headers["Content-Type"]) == (b"<x/>", "a/b")
    run("api_call", {"url": httpserver.url_for("/"), "method": "POST", "form": {"a": "1&2", "k": {"$secret": "TOKEN"}}})
    assert last(httpserver).form.to_dict() == {"a": "1&2", "k": "t0ken-value-1234"}


def test_upstream_results_fill_url_query_headers_and_body(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/items/7").respond_with_data("")
    config = {
        "url": httpserver.url_for("/items/") + "{{ find.id }}",
        "method": "PUT",
        "query": {"q": "{{ find.name }}"},
        "headers": {"X-Id": "{{ find.id }}"},
        "body": {"whole": "{{ find }}"},
    }
    run("api_call", config, inputs={"find": {"id": 7, "name": "a&b"}})
    request = last(httpserver)
    assert (request.args["q"], request.headers["X-Id"]) == ("a&b", "7")
    assert json.loads(request.get_data()) == {"whole": {"id": 7, "name": "a&b"}}


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "token": {"$secret": "TOKEN"}}, "Authorization", "Bearer t0ken-value-1234"),
        (
            {"type": "basic", "username": "bob", "password": {"$secret": "PASSWORD"}},
            "Authorization",
            "Basic Ym9iOmh1bnRlcjItaHVudGVyMg==",
        ),
        ({"type": "apiKey", "key": {"$secret": "TOKEN"}}, "X-Api-Key", "t0ken-value-1234"),
        ({"type": "apiKey", "header": "X-Own", "key": {"$secret": "TOKEN"}}, "X-Own", "t0ken-value-1234"),
    ],
)
def test_credentials_come_from_secrets(httpserver: HTTPServer, auth: Any, header: str, value: str) -> None:
    httpserver.expect_request("/").respond_with_data("")
    run("api_call", {"url": httpserver.url_for("/"), "auth": auth})
    assert last(httpserver).headers[header] == value


def test_a_credential_written_as_plain_text_is_hidden_when_the_server_repeats_it(httpserver: HTTPServer) -> None:
    def echo(request: Request) -> Response:
        status = 400 if "bad" in request.args else 200
        return Response(json.dumps({"you sent": request.headers["X-Api-Key"]}), status, content_type="application/json")

    httpserver.expect_request("/").respond_with_handler(echo)
    config = {"url": httpserver.url_for("/"), "headers": {"X-API-Key": "plain-key-123"}}
    assert run("api_call", config).data["json"] == {"you sent": MARK}
    assert "plain-key-123" not in str(failure("api_call", config | {"query": {"bad": "1"}}))
    unexpected = failure("api_call", config | {"expect": {"json": {'"you sent"': "other"}}})
    assert "plain-key-123" not in str(unexpected.details)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_response"),
        (401, "auth_failed"),
        (403, "auth_failed"),
        (404, "not_found"),
        (408, "temporary_failure"),
        (425, "temporary_failure"),
        (429, "rate_limit"),
        (500, "temporary_failure"),
        (502, "temporary_failure"),
        (503, "temporary_failure"),
    ],
)
def test_a_bad_status_fails_with_its_kind(httpserver: HTTPServer, status: int, kind: str) -> None:
    httpserver.expect_request("/").respond_with_data("why", status=status, headers={"Retry-After": "9"})
    found = failure("api_call", {"url": httpserver.url_for("/")})
    assert (found.kind, found.details["status"], found.details["body"]) == (kind, status, "why")
    assert found.retry_after_seconds == (9 if found.retryable else None)


def test_a_status_that_was_expected_is_success_and_another_is_not(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/gone").respond_with_data("", status=404)
    httpserver.expect_request("/ok").respond_with_data("")
    assert run("api_call", {"url": httpserver.url_for("/gone"), "expect": {"status": [404]}}).data["status"] == 404
    found = failure("api_call", {"url": httpserver.url_for("/ok"), "expect": {"status": [201]}})
    assert (found.kind, "status" in found.message) == ("execution_error", True)


def test_expectations_are_listed_and_the_failing_one_is_told(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_json({"db": {"up": True}, "n": 3})
    good = {"json": {"db.up": True, "n": 3}, "bodyContains": "up", "maxLatencyMs": 5000, "status": [200]}
    rows = run("api_call", {"url": httpserver.url_for("/"), "expect": good}).data["assertions"]
    assert [row["good"] for row in rows] == [True] * 5
    for bad in ({"json": {"n": 4}}, {"bodyContains": "down"}, {"json": {"absent": 1}}):
        assert failure("api_call", {"url": httpserver.url_for("/"), "expect": bad}).kind == "execution_error"


def test_a_slow_answer_misses_its_latency(httpserver: HTTPServer) -> None:
    def slow(request: Request) -> Response:
        time.sleep(0.05)
        return Response("")

    httpserver.expect_request("/").respond_with_handler(slow)
    assert "latency" in failure("api_call", {"url": httpserver.url_for("/"), "expect": {"maxLatencyMs": 10}}).message


def test_values_are_extracted_for_the_tasks_after_it(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_json({"items": [{"id": 1}, {"id": 2}]})
    config = {"url": httpserver.url_for("/"), "extract": {"ids": "items[].id", "none": "absent"}}
    assert run("api_call", config).data["extracted"] == {"ids": [1, 2], "none": None}


def test_an_answer_that_is_not_json_fails_only_who_needs_it(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("{not json", content_type="application/json")
    result = run("api_call", {"url": httpserver.url_for("/")})
    assert (result.data["body"], len(result.warnings)) == ("{not json", 1)
    assert failure("api_call", {"url": httpserver.url_for("/"), "extract": {"a": "a"}}).kind == "bad_response"


def test_a_long_answer_is_kept_in_part_and_used_whole(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_json({"pad": "x" * 300_000, "last": 1})
    result = run("api_call", {"url": httpserver.url_for("/"), "extract": {"last": "last"}})
    assert (result.data["extracted"], result.data["truncated"]) == ({"last": 1}, True)
    assert len(result.data["body"]) == 128 * 1024


def test_an_answer_over_its_cap_fails(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("x" * 2000)
    assert "maxBytes" in failure("api_call", {"url": httpserver.url_for("/"), "maxBytes": 1000}).message


def test_redirects_are_followed_unless_told_not_to(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/there").respond_with_data("arrived")
    httpserver.expect_request("/").respond_with_response(Response(status=302, headers={"Location": "/there"}))
    followed = run("api_call", {"url": httpserver.url_for("/")}).data
    assert (followed["body"], followed["redirects"]) == ("arrived", ["/there"])
    stayed = run("api_call", {"url": httpserver.url_for("/"), "followRedirects": False}).data
    assert (stayed["status"], stayed["headers"]["location"]) == (302, "/there")


def test_its_timeout_is_in_milliseconds_and_covers_the_whole_call() -> None:
    with serving(silent) as url:
        begun = time.monotonic()
        found = failure("api_call", {"url": url, "timeout": 400})
        assert (found.kind, time.monotonic() - begun < 8) == ("timeout", True)


def test_what_is_left_of_the_run_shortens_the_call() -> None:
    with serving(silent) as url:
        begun = time.monotonic()
        assert failure("api_call", {"url": url}, seconds=0.4).kind == "timeout"
        assert time.monotonic() - begun < 8


def test_a_stop_ends_the_call() -> None:
    stop = threading.Event()
    with serving(silent) as url:
        threading.Timer(0.2, stop.set).start()
        assert failure("api_call", {"url": url}, should_stop=stop.is_set).kind == "stopped"


def test_an_inner_address_is_refused(httpserver: HTTPServer) -> None:
    assert failure("api_call", {"url": httpserver.url_for("/")}, settings={}).kind == "blocked_target"


def test_a_broken_answer_is_a_network_error() -> None:
    with serving(says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")) as url:
        assert failure("api_call", {"url": url}).kind == "network_error"


def test_a_post_is_not_repeated_unless_its_owner_says_so(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("")
    executor = registry.get("api_call")
    url = httpserver.url_for("/")

    def repeatable(**config: Any) -> bool:
        return executor.is_idempotent(context_for("api_call", {"url": url, **config}).config)

    assert repeatable()
    assert repeatable(method="PUT")
    assert not repeatable(method="POST")
    assert repeatable(method="POST", idempotent=True)
    assert not repeatable(method="GET", idempotent=False)
    run("api_call", {"url": url, "method": "POST", "idempotent": True})
    assert last(httpserver).headers["Idempotency-Key"] == "key-1"
    run("api_call", {"url": url, "method": "POST"})
    assert "Idempotency-Key" not in last(httpserver).headers


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://x/"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "example.com"}, "url"),
        ({"url": "http://x/{{ a.. }}"}, "url"),
        ({"url": "http://x", "method": "TRACE"}, "method"),
        ({"url": "http://x", "timeout": 0}, "timeout"),
        ({"url": "http://x", "headers": {"A b": "x"}}, "headers"),
        ({"url": "http://x", "headers": {"A": "x\r\nB: y"}}, "headers"),
        ({"url": "http://x", "headers": {"Content-Length": "5"}}, "headers"),
        ({"url": "http://x", "extract": {"a": "["}}, "extract.a"),
        ({"url": "http://x", "auth": {"type": "bearer", "token": "plain"}}, "auth.bearer.token"),
        ({"url": "http://x", "expect": {"status": [42]}}, "expect.status.0"),
        ({"url": 5}, "url"),
        ({"url": "http://x", "query": {"a": [1]}}, "query.a"),
        ({"url": "http://x", "form": {"a": 5}}, "form.a"),
        ({"url": "http://x", "body": "a", "form": {"a": "b"}}, ""),
    ],
)
def test_a_bad_config_names_its_field(config: dict[str, Any], field: str) -> None:
    assert list(errors(config)) == [field]


def test_a_filled_placeholder_cannot_smuggle_a_header_or_leave_http(httpserver: HTTPServer) -> None:
    config = {"url": httpserver.url_for("/"), "headers": {"X-Own": "{{ a }}"}}
    smuggled = failure("api_call", config, inputs={"a": "s3cret\r\nY: z"})
    assert (smuggled.kind, "X-Own" in smuggled.message, "s3cret" in smuggled.message) == ("invalid_config", True, False)
    left = failure("api_call", {"url": "{{ a }}"}, inputs={"a": "file:///etc/passwd"})
    assert (left.kind, "http://" in left.message) == ("invalid_config", True)


def test_the_specifications_example_is_a_valid_config() -> None:
    example = {
        "method": "GET",
        "url": "https://api.example.com/health",
        "headers": {"Authorization": "Bearer token"},
        "timeout": 30000,
    }
    assert registry.validate_config("api_call", example) == example


def test_no_secret_is_logged_or_returned(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("ok")
    journal = Journal()
    auth = {"type": "bearer", "token": {"$secret": "TOKEN"}}
    result = run("api_call", {"url": httpserver.url_for("/"), "auth": auth}, log=journal, settings=HERE)
    assert "t0ken" not in str(result) + str(journal.lines)
