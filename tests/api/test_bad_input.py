"""Whatever is sent, the answer is a clear refusal in the one shape, never a failure of the server."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from tasks_app.models import TaskDefinition
from tests.api.conftest import API, error

Write = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db
TASK = {"name": "t", "task_type": "append"}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "half \ud800"}, "name"),
        ({"task_type": "no-such"}, "task_type"),
        ({"task_type": ["append"]}, "task_type"),
        ({"config": []}, "config"),
        ({"config": {"value": "much"}}, "config.value"),
        ({"config": {"valeu": 1}}, "config.valeu"),
        ({"config": {"path": "\x00"}}, "config.path"),
        ({"tags": "red"}, "tags"),
        ({"tags": [""]}, "tags.0"),
        ({"priority": "urgent"}, "priority"),
        ({"priority": 10}, "priority"),
        ({"priority": 10**30}, "priority"),
        ({"priority": True}, "priority"),
        ({"pool": "nowhere"}, "pool"),
        ({"pool": ""}, "pool"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": "3"}, "max_retries"),
        ({"max_retries": True}, "max_retries"),
        ({"max_retries": 10**40}, "max_retries"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 1e300}, "timeout_seconds"),
        ({"jitter": 2}, "jitter"),
        ({"initial_delay_ms": 500, "max_delay_ms": 100}, "max_delay_ms"),
        ({"retry_conditions": ["network_error", "bad_luck"]}, "retry_conditions.1"),
        ({"status": "archived"}, "status"),
        ({"assignees": ["nobody"]}, "assignees.0"),
        ({"schedule": "every 5 lightyears"}, "schedule"),
        ({"schedule": {"text": "daily", "timezone": "Mars/Olympus"}}, "schedule.timezone"),
        ({"schedule": {"text": "daily", "zone": "UTC"}}, "schedule.zone"),
        ({"schedule": {"text": "daily", "start_at": "soon"}}, "schedule.start_at"),
        ({"schedule": {"text": "daily", "start_at": "2030-01-01T00:00:00"}}, "schedule.start_at"),
        ({"schedule": {"text": "daily", "start_at": "2031-01-01T00:00:00Z", "end_at": "2030-01-01T00:00:00Z"}},
         "schedule.end_at"),
        ({"schedule": 5}, "schedule"),
        ({"dependencies": ["nothing"]}, "dependencies.0"),
        ({"dependencies": ["8c5f9f70-0000-7000-8000-000000000000"]}, "dependencies.0"),
        ({"dependencies": [{"task": "t"}]}, "dependencies.0"),
        ({"dependencies": [{"condition": "success"}]}, "dependencies.0.task"),
        ({"dependencies": {"task": "t"}}, "dependencies"),
        ({"concurrency_limit": 2}, "concurrency_limit"),
        ({"max_concurrent": 0}, "max_concurrent"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_with_its_path(api: APIClient, fields: dict[str, Any], where: str) -> None:
    body = json.dumps({**TASK, **fields})
    refused = error(api.post(f"{API}/tasks/", body, content_type="application/json"), 400)
    assert refused["code"] == "invalid"
    assert where in refused["fields"], refused
    assert not TaskDefinition.objects.exists()


def test_all_wrong_fields_are_named_at_once(api: APIClient) -> None:
    refused = error(api.post(f"{API}/tasks/", {"task_type": "append", "max_retries": -1, "jitter": 9}), 400)
    assert set(refused["fields"]) == {"name", "max_retries", "jitter"}


def test_a_number_too_large_to_be_one_is_named(api: APIClient) -> None:
    body = '{"name": "t", "task_type": "append", "config": {"value": 1e999}}'
    assert "config.value" in error(api.post(f"{API}/tasks/", body, content_type="application/json"), 400)["fields"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("maxRetries", "max_retries"), ("priorty", "priority"), ("type", None), ("Config", "config")],
)
def test_an_unknown_field_is_refused_with_what_was_meant(api: APIClient, name: str, meant: str | None) -> None:
    refused = error(api.post(f"{API}/tasks/", {**TASK, name: 1}), 400)
    message = refused["fields"][name][0]
    assert message.startswith("Unknown field.")
    assert meant is None or f"Did you mean '{meant}'?" in message


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"", b"null", b"[]", b'"text"', b"5", b"{'name': 1}", b'{"name": NaN}', b'{"a": ' + b"9" * 5000 + b"}",
        b"\xff\xfe\x00", b"[" * 200_000, b'{"a":' * 100_000, b'{"name": "\\ud800", "task_type": "append"}',
        b'{"\\u0000": 1, "name": "x", "task_type": "append"}', b'{"name": "x", "task_type": "append",}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["tasks/", "tasks/bulk/", "batches/", "executions/bulk/", "schedules/preview/"])
def test_a_body_that_is_no_proper_json_object_is_refused(api: APIClient, path: str, body: bytes) -> None:
    error(api.post(f"{API}/{path}", body, content_type="application/json"), 400)


def test_an_unknown_charset_does_no_harm(api: APIClient) -> None:
    answer = api.post(f"{API}/tasks/", json.dumps(TASK), content_type="application/json; charset=klingon")
    assert answer.status_code in (201, 400, 415)


def test_a_deep_config_is_refused(api: APIClient) -> None:
    deep: Any = 1
    for _ in range(500):
        deep = {"a": deep}
    error(api.post(f"{API}/tasks/", {**TASK, "config": {"path": deep}}), 400)


def test_other_kinds_of_body_are_415(api: APIClient) -> None:
    assert error(api.post(f"{API}/tasks/", "a=b", content_type="application/x-www-form-urlencoded"), 415)
    assert error(api.post(f"{API}/tasks/", "<a/>", content_type="application/xml"), 415)


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_a_body_that_is_too_large_is_413(api: APIClient) -> None:
    assert error(api.post(f"{API}/tasks/", {**TASK, "description": "x" * 2000}), 413)["code"] == "too_large"


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_a_body_that_announces_too_much_is_not_waited_for(api: APIClient) -> None:
    answer = api.post(f"{API}/tasks/", TASK, CONTENT_LENGTH=10**9)
    assert error(answer, 413)["code"] == "too_large"


def test_an_unknown_method_is_405_and_says_what_there_is(api: APIClient) -> None:
    answer = api.patch(f"{API}/executions/", {})
    assert error(answer, 405)["code"] == "method_not_allowed"
    assert "GET" in answer["Allow"]


def test_only_json_is_answered(api: APIClient) -> None:
    error(api.get(f"{API}/tasks/", HTTP_ACCEPT="text/html"), 406)


@pytest.mark.parametrize(
    "path", ["nothing/", "tasks/abc/", "tasks/../../x/", "executions/1/logs/", "task-types/zz/", "", "v2"]
)
def test_what_is_not_there_is_404_in_the_same_shape(api: APIClient, path: str) -> None:
    error(api.get(f"{API}/{path}"), 404)


@pytest.mark.parametrize("id", ["0", "x" * 300, "00000000-0000-0000-0000-000000000000", "%00", "%F0%9F%98%80", "1e9"])
@pytest.mark.parametrize(
    "kind", ["tasks", "executions", "batches", "workflows", "schedules", "templates", "dependencies"]
)
def test_ids_that_are_none_are_404(api: APIClient, kind: str, id: str) -> None:
    error(api.get(f"{API}/{kind}/{id}/"), 404)


def test_an_id_may_be_written_in_any_usual_way(api: APIClient, write: Write) -> None:
    task = write("known")
    for spelling in (task["id"].upper(), task["id"].replace("-", "")):
        assert api.get(f"{API}/tasks/{spelling}/").json()["id"] == task["id"]


def test_a_missing_slash_is_led_to_the_right_address_with_method_and_body(api: APIClient) -> None:
    answer = api.post(f"{API}/tasks?validate_only=true", TASK)
    assert (answer.status_code, answer["Location"]) == (308, f"{API}/tasks/?validate_only=true")


LISTS = [
    "tasks",
    "executions",
    "batches",
    "workflows",
    "schedules",
    "templates",
    "dependencies",
    "workers",
    "task-types",
]


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize(
    "query",
    ["colour=red", "format=json", "page_size=0", "page_size=-1", "page_size=501", "page_size=x", "page_size=٣",
     "page_size=" + "9" * 5000, "cursor=abc", "cursor=%00", "cursor=WzAsIngiLCJ5Il0", "cursor=W10",
     "cursor=" + "A" * 9000, "cursor=bnVsbA", "page_size=5&page_size=6"],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(api: APIClient, kind: str, query: str) -> None:
    refused = error(api.get(f"{API}/{kind}/?{query}"), 400)
    assert query.partition("=")[0] in refused["fields"]


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("tasks", "status=alive"), ("tasks", "owner=bob"), ("tasks", "search=%00"), ("tasks", "name=%00"),
        ("executions", "state=done"), ("executions", "state=failed,broken"), ("executions", "task=5"),
        ("executions", "cause=luck"), ("executions", "created_after=yesterday"), ("executions", "batch=%00"),
        ("executions", "created_before=2030-13-01T00:00:00Z"), ("executions", "task_type=%00"),
        ("batches", "state=open"), ("workflows", "task=x"), ("schedules", "due_before=later"),
        ("dependencies", "task=x"), ("dependencies", "condition=maybe"), ("templates", "category=%00"),
    ],
)  # fmt: skip
def test_a_filter_with_an_impossible_value_is_refused_by_name(api: APIClient, kind: str, query: str) -> None:
    refused = error(api.get(f"{API}/{kind}/?{query}"), 400)
    assert query.partition("=")[0] in refused["fields"]


@pytest.mark.parametrize(
    "instant", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "2030-01-01T00:00:00Z", "2030-01-01"]
)
def test_any_instant_of_the_calendar_may_be_asked_for(api: APIClient, instant: str) -> None:
    answer = api.get(f"{API}/executions/?created_after={instant}")
    assert answer.status_code in (200, 400), answer.json()


def test_an_unknown_query_parameter_gets_its_near_name(api: APIClient) -> None:
    refused = error(api.get(f"{API}/executions/?sate=failed"), 400)
    assert "Did you mean 'state'?" in refused["fields"]["sate"][0]


def test_a_stranger_is_401_with_a_challenge() -> None:
    answer = APIClient().get(f"{API}/tasks/")
    assert error(answer, 401)["code"] == "not_authenticated"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_without_a_csrf_token_is_403(ada: Any) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.login(username="ada", password="ada-has-a-password")
    assert client.get(f"{API}/tasks/").status_code == 200
    assert error(client.post(f"{API}/tasks/", TASK), 403)["code"] == "forbidden"


def test_secrets_given_in_the_open_are_refused_without_repeating_them(api: APIClient) -> None:
    config = {"url": "https://x.test", "auth": {"type": "bearer", "token": "hunter2-in-the-open"}}
    answer = api.post(f"{API}/tasks/", {"name": "t", "task_type": "api_call", "config": config})
    assert "$secret" in json.dumps(error(answer, 400))
    assert b"hunter2" not in answer.content
