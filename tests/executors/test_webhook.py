"""webhook, against a receiver that checks the signature."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pydantic
import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks.webhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError
from werkzeug import Request, Response

from executors import registry
from executors.general.webhook import Webhook
from tests.executors.runs import SECRETS, failure, run


def errors(config: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(pydantic.ValidationError) as refused:
        registry.validate_config("webhook", config)
    return registry.config_errors(refused.value, model=Webhook.config_model)


@pytest.fixture
def url(httpserver: HTTPServer) -> str:
    httpserver.expect_request("/hook").respond_with_data("thanks", status=202)
    return httpserver.url_for("/hook")


def last(server: HTTPServer) -> Request:
    return server.log[-1][0]


def test_a_message_is_delivered_as_json(httpserver: HTTPServer, url: str) -> None:
    result = run("webhook", {"url": url, "body": {"content": "Task completed! ü"}})
    request = last(httpserver)
    assert (request.method, request.headers["Content-Type"]) == ("POST", "application/json")
    assert json.loads(request.get_data()) == {"content": "Task completed! ü"}
    assert (result.data["status"], result.data["response_snippet"], result.data["signed"]) == (202, "thanks", "none")


def test_a_receiver_of_standard_webhooks_accepts_the_signature(httpserver: HTTPServer, url: str) -> None:
    config = {"url": url, "body": {"n": 1, "text": "größe"}, "secret": {"$secret": "HOOK"}}
    result = run("webhook", config, now=datetime.now(UTC))
    request = last(httpserver)
    receiver = Receiver(SECRETS["HOOK"])
    assert receiver.verify(request.get_data(), dict(request.headers)) == {"n": 1, "text": "größe"}
    with pytest.raises(WebhookVerificationError):
        receiver.verify(request.get_data() + b" ", dict(request.headers))
    assert result.data["signed"] == "standard"


def test_every_retry_carries_the_same_id(httpserver: HTTPServer, url: str) -> None:
    for attempt in (1, 2):
        run("webhook", {"url": url, "body": "x"}, attempt=attempt)
    ids = {(request.headers["webhook-id"], request.headers["Idempotency-Key"]) for request, _ in httpserver.log}
    assert ids == {("key-1", "key-1")}


def test_githubs_way_of_signing(httpserver: HTTPServer, url: str) -> None:
    run("webhook", {"url": url, "body": {"a": 1}, "secret": {"$secret": "TOKEN"}, "signing": "github"})
    request = last(httpserver)
    expected = hmac.new(SECRETS["TOKEN"].encode(), request.get_data(), hashlib.sha256).hexdigest()
    assert request.headers["X-Hub-Signature-256"] == f"sha256={expected}"


@pytest.mark.parametrize("value", ["t0ken-value-1234", "plain-text-key-", "whsec_", "whsec_größe"])
def test_a_secret_that_is_not_base64_is_refused_by_its_name(url: str, value: str) -> None:
    found = failure("webhook", {"url": url, "secret": {"$secret": "OWN"}}, secrets={"OWN": value}.__getitem__)
    assert (found.kind, "'OWN'" in found.message) == ("invalid_config", True)
    assert value == "whsec_" or value not in found.message


def test_upstream_results_fill_the_message(httpserver: HTTPServer, url: str) -> None:
    config = {"url": url, "body": {"content": "Version {{ build.version }} is out", "all": "{{ build }}"}}
    run("webhook", config, inputs={"build": {"version": "1.2"}})
    assert json.loads(last(httpserver).get_data()) == {"content": "Version 1.2 is out", "all": {"version": "1.2"}}


def test_the_address_itself_may_be_a_secret(httpserver: HTTPServer, url: str) -> None:
    result = run("webhook", {"url": {"$secret": "HOOK_URL"}}, secrets={"HOOK_URL": url}.__getitem__)
    assert result.data["status"] == 202
    assert url not in str(result)


@pytest.mark.parametrize("method", ["PUT", "patch"])
def test_other_methods_that_carry_a_message(httpserver: HTTPServer, url: str, method: str) -> None:
    run("webhook", {"url": url, "method": method})
    assert last(httpserver).method == method.upper()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "bad_response"), (401, "auth_failed"), (404, "not_found"), (410, "not_found"), (500, "temporary_failure")],
)
def test_a_refusal_has_its_kind(httpserver: HTTPServer, status: int, kind: str) -> None:
    httpserver.expect_request("/").respond_with_data("no", status=status)
    assert failure("webhook", {"url": httpserver.url_for("/")}).kind == kind


def test_a_rate_limit_in_the_body_is_honoured(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_json({"retry_after": 1.25}, status=429)
    found = failure("webhook", {"url": httpserver.url_for("/")})
    assert (found.kind, found.retry_after_seconds) == ("rate_limit", 1.25)


def test_a_redirect_is_not_followed(httpserver: HTTPServer, url: str) -> None:
    httpserver.expect_request("/old").respond_with_response(Response(status=307, headers={"Location": url}))
    found = failure("webhook", {"url": httpserver.url_for("/old"), "secret": {"$secret": "HOOK"}})
    assert (found.kind, "final address" in found.message) == ("bad_response", True)
    assert len(httpserver.log) == 1


def test_a_long_answer_is_cut_and_no_failure(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("x" * 500_000)
    assert len(run("webhook", {"url": httpserver.url_for("/")}).data["response_snippet"]) == 1000


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "url"),
        ({"url": "http://x", "method": "GET"}, "method"),
        ({"url": "http://x", "secret": "plain"}, "secret"),
        ({"url": "http://x", "signing": "standard"}, ""),
        ({"url": "http://x", "signing": "none", "secret": {"$secret": "HOOK"}}, ""),
        ({"url": "http://x", "body": {"a": "{{ b.. }}"}}, "body"),
    ],
)
def test_a_bad_config_names_its_field(config: dict[str, Any], field: str) -> None:
    assert [path.split(".")[0] for path in errors(config)] == [field]


def test_the_specifications_example_is_a_valid_config() -> None:
    example = {
        "url": "https://discord.com/api/webhooks/...",
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": {"content": "Task completed!"},
    }
    assert registry.validate_config("webhook", example) == example
