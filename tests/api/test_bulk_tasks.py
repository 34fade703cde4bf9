"""Many tasks in one request: all of them or none, with a number of statements that hardly grows."""

import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tasks_app.models import Dependency, Schedule, TaskDefinition
from tests.api.conftest import API, error

pytestmark = pytest.mark.django_db


def task(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "task_type": "append", **fields}


def test_tasks_may_depend_on_each_other_by_name_in_any_order_and_on_those_that_exist(api: APIClient) -> None:
    old = api.post(f"{API}/tasks/", task("old")).json()
    later = {"task": "later", "condition": "completion", "delay_ms": 9}
    drafts = [task("sooner", dependencies=[later, "old"]), task("later", dependencies=[old["id"]], schedule="daily")]
    answer = api.post(f"{API}/tasks/bulk/", {"tasks": drafts})
    assert answer.status_code == 201
    assert (answer.json()["created"], [row["name"] for row in answer.json()["results"]]) == (2, ["sooner", "later"])
    edges = Dependency.objects.values_list("downstream__name", "upstream__name", "condition", "delay_ms")
    assert set(edges) == {
        ("sooner", "later", "completion", 9), ("sooner", "old", "success", 0), ("later", "old", "success", 0),
    }  # fmt: skip
    assert Schedule.objects.values_list("definition__name", flat=True).get() == "later"


@pytest.mark.parametrize(
    ("second", "where"),
    [
        (task("a"), "tasks.0.name"),
        (task("b", dependencies=["zzz"]), "tasks.1.dependencies.0"),
        (task("b", dependencies=["b"]), "tasks.1.dependencies.0"),
        (task("b", dependencies=["a", "a"]), "tasks.1.dependencies.1"),
        (task("b", config={"valu": 1}), "tasks.1.config.valu"),
        (task("b", schedule="sometimes"), "tasks.1.schedule"),
        (task("b", schedule={"text": "daily", "timezone": "X/Y"}), "tasks.1.schedule.timezone"),
        (task("b", dependencies=[{"task": "a", "condition": "custom", "expression": "1 +"}]), "tasks.1.dependencies.0"),
        (task("b", dependencies=[{"task": "a", "condition": "custom"}]), "tasks.1.dependencies.0"),
        (task("b", dependencies=[{"task": "a", "expression": "true"}]), "tasks.1.dependencies.0"),
        (task("b", assignees=["stranger"]), "tasks.1.assignees.0"),
        (task("b", concurrency_key="k"), "tasks.1.concurrency_limit"),
        ({"name": "b"}, "tasks.1.task_type"),
        (["b"], "tasks.1"),
    ],
)
def test_one_wrong_task_means_that_none_is_written(api: APIClient, second: Any, where: str) -> None:
    refused = error(api.post(f"{API}/tasks/bulk/", {"tasks": [task("a"), second]}), 400)
    assert where in refused["fields"], refused
    assert not TaskDefinition.objects.exists()


def test_a_name_in_use_is_a_conflict_that_names_the_task(api: APIClient) -> None:
    api.post(f"{API}/tasks/", task("used"))
    refused = error(api.post(f"{API}/tasks/bulk/", {"tasks": [task("new"), task("used")]}), 409)
    assert list(refused["fields"]) == ["tasks.1.name"]
    assert TaskDefinition.objects.count() == 1


def test_a_cycle_is_refused_with_its_path(api: APIClient) -> None:
    drafts = [
        task("a", dependencies=["c"]), task("b", dependencies=["a"]), task("c", dependencies=["b"]), task("d"),
    ]  # fmt: skip
    refused = error(api.post(f"{API}/tasks/bulk/", {"tasks": drafts}), 400)
    message = " ".join(next(iter(refused["fields"].values())))
    assert any(path in message for path in ("a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c")), message


def test_bulk_can_be_tried_first(api: APIClient) -> None:
    answer = api.post(f"{API}/tasks/bulk/?validate_only=true", {"tasks": [task("a"), task("b", dependencies=["a"])]})
    assert (answer.status_code, answer.json()) == (200, {"valid": True, "would_create": 2})
    assert not TaskDefinition.objects.exists()


def test_no_more_than_ten_thousand(api: APIClient) -> None:
    assert (
        "tasks"
        in error(api.post(f"{API}/tasks/bulk/", {"tasks": [task(str(n)) for n in range(10_001)]}), 400)["fields"]
    )
    error(api.post(f"{API}/tasks/bulk/", {"tasks": []}), 400)


def test_ten_thousand_tasks_in_a_chain_of_layers_are_written_quickly(api: APIClient) -> None:
    drafts = [
        task(f"t{n}", dependencies=[f"t{m}" for m in (n - 100, n - 101) if m >= 0], max_concurrent=1)
        for n in range(10_000)
    ]
    begun = time.monotonic()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer = api.post(f"{API}/tasks/bulk/", {"tasks": drafts})
    assert answer.status_code == 201, answer.json()
    assert TaskDefinition.objects.count() == 10_000 and Dependency.objects.count() == 9_900 + 9_899
    assert len(asked) < 60, [q["sql"][:80] for q in asked]
    assert time.monotonic() - begun < 40


def test_hundreds_of_schedules_cost_no_statement_each(api: APIClient) -> None:
    def statements(count: int) -> int:
        drafts = [task(f"{count} {n}", schedule="every 5 minutes") for n in range(count)]
        with CaptureQueriesContext(connection) as asked:
            assert api.post(f"{API}/tasks/bulk/", {"tasks": drafts}).status_code == 201
        return len(asked)

    assert statements(200) <= statements(2) + 2
