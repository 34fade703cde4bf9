"""A request with an Idempotency-Key happens once, however often and from however many sides it is sent."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from rest_framework.test import APIClient

from tasks_app.engine import idempotency
from tasks_app.engine.rows import execute
from tasks_app.models import Batch, Execution, IdempotencyKey, TaskDefinition, WorkflowRun
from tests.api.conftest import API, error
from tests.river import drain

Write = Callable[..., dict[str, Any]]
TASK = {"name": "once", "task_type": "append"}


@pytest.mark.django_db
def test_the_same_request_gets_the_first_answer_again(api: APIClient) -> None:
    first = api.post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY="k1")
    again = api.post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() and again["Location"] == first["Location"] and again["ETag"] == first["ETag"]
    assert again["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    assert TaskDefinition.objects.count() == 1


@pytest.mark.django_db
def test_the_same_key_for_another_body_address_or_query_is_a_conflict(api: APIClient) -> None:
    api.post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY="k1")
    other = api.post(f"{API}/tasks/", {**TASK, "name": "other"}, HTTP_IDEMPOTENCY_KEY="k1")
    assert "Idempotency-Key" in error(other, 409)["fields"]
    error(api.post(f"{API}/tasks/?validate_only=true", TASK, HTTP_IDEMPOTENCY_KEY="k1"), 409)
    error(api.post(f"{API}/tasks/bulk/", {"tasks": [TASK]}, HTTP_IDEMPOTENCY_KEY="k1"), 409)
    assert TaskDefinition.objects.count() == 1


@pytest.mark.django_db
def test_the_order_of_fields_makes_no_other_request(api: APIClient) -> None:
    api.post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY="k1")
    assert api.post(f"{API}/tasks/", dict(reversed(TASK.items())), HTTP_IDEMPOTENCY_KEY="k1").status_code == 201


@pytest.mark.django_db
def test_keys_of_different_people_do_not_meet(
    api: APIClient, bob: User, client_of: Callable[[User], APIClient]
) -> None:
    mine = api.post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY="k1").json()
    theirs = client_of(bob).post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY="k1").json()
    assert mine["id"] != theirs["id"]


@pytest.mark.django_db
def test_a_refused_request_leaves_its_key_free(api: APIClient) -> None:
    error(api.post(f"{API}/tasks/", {**TASK, "max_retries": -1}, HTTP_IDEMPOTENCY_KEY="k1"), 400)
    assert not IdempotencyKey.objects.exists()
    assert api.post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY="k1").status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "ä", "tab\t"])
def test_a_key_is_plain_printable_text(api: APIClient, key: str) -> None:
    error(api.post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY=key), 400)


@pytest.mark.django_db
def test_a_key_lasts_a_day(api: APIClient) -> None:
    api.post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY="k1")
    left = IdempotencyKey.objects.get()
    assert 23.9 < (left.expires_at - left.created_at).total_seconds() / 3600 < 24.1
    execute("UPDATE fleet_idempotency_key SET expires_at = now() - interval '1 second'")
    fresh = api.post(f"{API}/tasks/", {**TASK, "name": "next day"}, HTTP_IDEMPOTENCY_KEY="k1")
    assert fresh.status_code == 201 and fresh.json()["name"] == "next day"
    execute("UPDATE fleet_idempotency_key SET expires_at = now() - interval '1 second'")
    assert idempotency.forget_expired() == 1
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_every_verb_that_starts_something_starts_it_once(api: APIClient, write: Write) -> None:
    task = write("t")
    api.post(f"{API}/tasks/{task['id']}/execute/")
    drain()
    done = Execution.objects.get()
    wishes: list[tuple[str, Any]] = [
        (f"tasks/{task['id']}/execute/", {}),
        (f"tasks/{task['id']}/clone/", {"name": "c"}),
        (f"executions/{done.pk}/retry/", {}),
        ("executions/bulk/", {"action": "retry", "ids": [str(done.pk)]}),
        ("tasks/bulk/", {"tasks": [{"name": "b", "task_type": "append"}]}),
        ("batches/", {"task_ids": [task["id"]]}),
        ("workflows/", {"task_ids": [task["id"]]}),
    ]
    for number, (path, body) in enumerate(wishes):
        answers = [api.post(f"{API}/{path}", body, HTTP_IDEMPOTENCY_KEY=f"key-{number}") for _ in range(2)]
        assert answers[0].status_code in (200, 201, 202), answers[0].json()
        assert answers[0].json() == answers[1].json()
    assert (Execution.objects.count(), TaskDefinition.objects.count()) == (1 + 3 + 1 + 1, 3)
    assert (Batch.objects.count(), WorkflowRun.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_moment_do_the_work_once_and_agree(
    api: APIClient, ada: User, write: Write, client_of: Callable[[User], APIClient]
) -> None:
    task = write("raced")
    start, answers = threading.Barrier(6), []

    def ask() -> None:
        client = client_of(ada)
        start.wait()
        answers.append(client.post(f"{API}/tasks/{task['id']}/execute/", {}, HTTP_IDEMPOTENCY_KEY="k"))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["execution_id"] for answer in answers}) == 1
    assert Execution.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_at_work_another_is_asked_to_come_back(
    api: APIClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "PATIENCE", timedelta(milliseconds=200))
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        def work() -> idempotency.Answer:
            holding.set()
            done.wait(20)
            return idempotency.Answer(200, {})

        idempotency.answer_once(work, user=ada, key="k", request_hash="other")
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(20)
    answer = api.post(f"{API}/tasks/", TASK, HTTP_IDEMPOTENCY_KEY="k")
    done.set()
    thread.join()
    assert "still being answered" in error(answer, 409)["message"] and answer["Retry-After"] == "1"
    assert not TaskDefinition.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone()[0] == "0", "the short patience ends with its transaction"
