"""Tasks are written, read, edited, cloned and put away over the API."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from rest_framework.test import APIClient

from tasks_app.models import DefinitionHead, DefinitionVersion, Execution, Slot, TaskDefinition
from tests.api.conftest import API, error

Write = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db


def test_a_task_needs_a_name_and_a_type_and_gets_defaults(api: APIClient) -> None:
    answer = api.post(f"{API}/tasks/", {"name": "Check", "task_type": "api_call", "config": {"url": "https://x.test/"}})
    assert answer.status_code == 201
    task = answer.json()
    assert answer["Location"].endswith(f"{API}/tasks/{task['id']}/")
    assert answer["ETag"]
    wanted = {
        "version": 1, "status": "active", "owner": "ada", "pool": "default", "priority": "normal", "max_retries": 3,
        "initial_delay_ms": 1000, "max_delay_ms": 30000, "backoff_multiplier": 2.0, "retry_conditions": None,
        "timeout_seconds": 300.0, "schedule": None, "dependencies": [], "trigger_on_dependencies": True,
        "config": {"url": "https://x.test/"}, "last_run": None,
    }  # fmt: skip
    assert {name: task[name] for name in wanted} == wanted
    assert api.get(answer["Location"]).json() == task


def test_what_the_task_type_says_of_itself_is_the_default(api: APIClient) -> None:
    script = api.post(f"{API}/tasks/", {"name": "s", "task_type": "script", "config": {"command": "true"}}).json()
    assert script["pool"] == "script"


def test_a_task_that_is_read_can_be_sent_back_unchanged(api: APIClient, write: Write, bob: User) -> None:
    first = write("first")
    task = write(
        "whole",
        schedule={"text": "weekdays at 8:30", "timezone": "Europe/Berlin", "catch_up": "all"},
        dependencies=[{"task": first["id"], "condition": "failure", "delay_ms": 5}],
        assignees=["bob"], tags=["a", "b"], priority=7, retry_conditions=["timeout"], max_concurrent=2,
    )  # fmt: skip
    answer = api.put(f"{API}/tasks/{task['id']}/", task)
    assert answer.status_code == 200, answer.json()
    again = answer.json()
    again["updated_at"] = task["updated_at"]
    assert again == task
    assert task["priority"] == 7 and task["schedule"]["timezone"] == "Europe/Berlin"
    assert DefinitionVersion.objects.filter(definition_id=task["id"]).count() == 1


def test_an_edit_makes_a_new_version_and_keeps_the_old_one(api: APIClient, write: Write) -> None:
    task = write("edited", config={"seconds": 1})
    answer = api.patch(f"{API}/tasks/{task['id']}/", {"config": {"seconds": 2}, "priority": "high"})
    assert answer.status_code == 200
    assert (answer.json()["version"], answer.json()["priority"]) == (2, "high")
    versions = api.get(f"{API}/tasks/{task['id']}/versions/").json()["results"]
    assert [(v["version"], v["config"], v["priority"], v["created_by"]) for v in versions] == [
        (2, {"seconds": 2.0}, "high", "ada"),
        (1, {"seconds": 1.0}, "normal", "ada"),
    ]


def test_a_new_name_or_tag_is_no_new_version(api: APIClient, write: Write) -> None:
    task = write("before")
    answer = api.patch(f"{API}/tasks/{task['id']}/", {"name": "after", "tags": ["x"], "description": "d"})
    assert (answer.json()["version"], answer.json()["name"], answer.json()["tags"]) == (1, "after", ["x"])


def test_put_gives_absent_fields_their_defaults(api: APIClient, write: Write) -> None:
    other = write("other")
    task = write("put", max_retries=9, schedule="daily", dependencies=[other["id"]], tags=["t"], config={"value": 3})
    answer = api.put(f"{API}/tasks/{task['id']}/", {"name": "put", "task_type": "append"})
    assert answer.status_code == 200
    got = answer.json()
    assert (got["max_retries"], got["schedule"], got["dependencies"], got["tags"], got["config"]) == (
        3,
        None,
        [],
        [],
        {},
    )


def test_an_edit_of_an_old_version_is_a_conflict(api: APIClient, write: Write) -> None:
    task = write("raced")
    url = f"{API}/tasks/{task['id']}/"
    assert api.patch(url, {"version": 1, "max_retries": 1}).status_code == 200
    refused = error(api.patch(url, {"version": 1, "max_retries": 2}), 409)
    assert refused["code"] == "conflict" and "version 2" in refused["fields"]["version"][0]
    assert api.get(url).json()["max_retries"] == 1


def test_if_match_refuses_an_edit_of_what_has_changed_even_without_a_new_version(api: APIClient, write: Write) -> None:
    task = write("tagged")
    url = f"{API}/tasks/{task['id']}/"
    tag = api.get(url)["ETag"]
    changed = api.patch(url, {"description": "mine"}, HTTP_IF_MATCH=tag)
    assert changed.status_code == 200 and changed["ETag"] != tag
    error(api.patch(url, {"description": "late"}, HTTP_IF_MATCH=tag), 409)
    assert api.patch(url, {"description": "new"}, HTTP_IF_MATCH=f'"other", {changed["ETag"]}').status_code == 200
    assert api.patch(url, {"description": "any"}, HTTP_IF_MATCH="*").status_code == 200


@pytest.mark.parametrize("how", ["query", "body"])
def test_validate_only_says_what_would_be_and_writes_nothing(api: APIClient, write: Write, how: str) -> None:
    query, extra = ("?validate_only=true", {}) if how == "query" else ("", {"validate_only": True})
    body = {"name": "dry", "task_type": "append", "schedule": "every 5 minutes", **extra}
    answer = api.post(f"{API}/tasks/{query}", body)
    assert answer.status_code == 200
    assert answer.json()["valid"] is True and answer.json()["task"]["schedule_in_words"]
    assert not TaskDefinition.objects.filter(name="dry").exists()
    task = write("real")
    dry = api.patch(f"{API}/tasks/{task['id']}/{query}", {"max_retries": 7, **extra})
    assert dry.json()["task"]["max_retries"] == 7
    assert api.get(f"{API}/tasks/{task['id']}/").json()["max_retries"] == 3
    error(api.post(f"{API}/tasks/{query}", {**body, "task_type": "appendix"}), 400)


def test_deleting_archives_hides_and_cancels(api: APIClient, write: Write) -> None:
    task = write("gone", schedule="daily at 9:00")
    run = api.post(f"{API}/tasks/{task['id']}/execute/").json()["execution_id"]
    assert api.delete(f"{API}/tasks/{task['id']}/").status_code == 204
    assert Execution.objects.get(pk=run).state == "cancelled"
    names = [row["name"] for row in api.get(f"{API}/tasks/").json()["results"]]
    assert "gone" not in names
    shown = api.get(f"{API}/tasks/?status=archived").json()["results"]
    assert [row["name"] for row in shown] == ["gone"]
    assert shown[0]["next_due_at"] is None
    error(api.post(f"{API}/tasks/{task['id']}/execute/"), 409)
    error(api.patch(f"{API}/tasks/{task['id']}/", {"name": "back"}), 409)
    assert write("gone")["id"] != task["id"], "the name is free again"


def test_a_clone_is_the_same_task_paused_under_another_name(api: APIClient, write: Write) -> None:
    first = write("first")
    task = write("source", schedule="daily at 9:00", dependencies=[first["id"]], config={"value": 5}, tags=["t"])
    answer = api.post(f"{API}/tasks/{task['id']}/clone/", {})
    assert answer.status_code == 201
    copy = answer.json()
    assert (copy["name"], copy["status"], copy["next_due_at"]) == ("source copy", "paused", None)
    same = ("config", "tags", "schedule", "dependencies", "priority", "trigger_on_dependencies")
    assert {f: copy[f] for f in same} == {f: task[f] for f in same}
    error(api.post(f"{API}/tasks/{task['id']}/clone/", {}), 409)
    assert api.post(f"{API}/tasks/{task['id']}/clone/", {"name": "third"}).json()["name"] == "third"


def test_pausing_stops_the_schedule_and_resuming_starts_it(api: APIClient, write: Write) -> None:
    task = write("regular", schedule="every 5 minutes")
    paused = api.post(f"{API}/tasks/{task['id']}/pause/").json()
    assert (paused["status"], paused["next_due_at"]) == ("paused", None)
    resumed = api.post(f"{API}/tasks/{task['id']}/resume/").json()
    assert resumed["status"] == "active" and resumed["next_due_at"]
    by_edit = api.patch(f"{API}/tasks/{task['id']}/", {"status": "paused"}).json()
    assert (by_edit["status"], by_edit["next_due_at"]) == ("paused", None)


def test_a_name_is_an_owners_own_once(api: APIClient, write: Write, bob: User, client_of: Any) -> None:
    write("mine")
    refused = error(api.post(f"{API}/tasks/", {"name": "mine", "task_type": "append"}), 409)
    assert refused["fields"] == {"name": ["You have a task with this name already; choose another name."]}
    assert client_of(bob).post(f"{API}/tasks/", {"name": "mine", "task_type": "append"}).status_code == 201
    other = write("other")
    error(api.patch(f"{API}/tasks/{other['id']}/", {"name": "mine"}), 409)


@pytest.mark.parametrize(
    ("fields", "triggers"),
    [
        ({}, True),
        ({"schedule": None}, False),
        ({"schedule": "manual"}, False),
        ({"schedule": "daily"}, False),
        ({"schedule": "daily", "trigger_on_dependencies": True}, True),
    ],
)
def test_a_given_schedule_makes_dependencies_gate_only(write: Write, fields: dict[str, Any], triggers: bool) -> None:
    assert write("t", **fields)["trigger_on_dependencies"] is triggers


def test_limits_become_slots_and_go_with_them(api: APIClient, write: Write) -> None:
    task = write("limited", max_concurrent=3, concurrency_key="db", concurrency_limit=7)
    limits = dict(Slot.objects.values_list("key", "limit"))
    assert limits[f"definition:{task['id']}"] == 3 and limits["key:db"] == 7
    write("joins", concurrency_key="db")
    api.patch(f"{API}/tasks/{task['id']}/", {"max_concurrent": None, "concurrency_limit": 8})
    limits = dict(Slot.objects.values_list("key", "limit"))
    assert f"definition:{task['id']}" not in limits and limits["key:db"] == 8
    refused = error(api.post(f"{API}/tasks/", {"name": "x", "task_type": "append", "concurrency_key": "new"}), 400)
    assert "concurrency_limit" in refused["fields"]


def test_every_task_has_a_head_row(write: Write) -> None:
    task = write("head")
    assert DefinitionHead.objects.filter(definition_id=task["id"]).exists()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("status=paused", ["p"]),
        ("status=active,paused", ["s", "p", "a"]),
        ("task_type=script", ["s"]),
        ("tag=red", ["a"]),
        ("search=ANSW", ["a"]),
        ("name=p", ["p"]),
        ("owner=me", ["s", "p", "a"]),
    ],
)
def test_lists_are_filtered(api: APIClient, write: Write, query: str, names: list[str]) -> None:
    write("a", tags=["red", "blue"], description="the answer")
    write("p", status="paused")
    write("s", task_type="script", config={"command": "true"})
    assert [row["name"] for row in api.get(f"{API}/tasks/?{query}").json()["results"]] == names


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_a_name_at_once_one_gets_it(ada: User, client_of: Callable[[User], APIClient]) -> None:
    start = threading.Barrier(4)
    answers: list[Any] = []

    def ask() -> None:
        start.wait()
        answers.append(client_of(ada).post(f"{API}/tasks/", {"name": "wanted", "task_type": "append"}))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
