"""Lists: every row once, however many share a moment; pages from an index; a fixed number of statements."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tasks_app.engine.rows import execute
from tasks_app.models import Execution, Worker
from tests.api.conftest import API

Write = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db


def walk(api: APIClient, url: str, direction: str = "next") -> list[list[Any]]:
    """The ids of each page from here on."""
    pages = []
    while url:
        page = api.get(url).json()
        pages.append([row["id"] for row in page["results"]])
        url = page[direction]
    return pages


def many_runs(api: APIClient, write: Write, count: int) -> dict[str, Any]:
    """Runs that all have the same moment of creation, as those of a batch have."""
    task = write("many")
    api.post(f"{API}/batches/", {"task_ids": [task["id"]] * count})
    execute("UPDATE fleet_execution SET created_at = (SELECT min(created_at) FROM fleet_execution)")
    return task


@pytest.mark.parametrize("size", [1, 7, 20, 500])
def test_rows_of_one_moment_are_each_seen_once_in_both_directions(api: APIClient, write: Write, size: int) -> None:
    many_runs(api, write, 20)
    pages = walk(api, f"{API}/executions/?page_size={size}")
    seen = [id_ for page in pages for id_ in page]
    assert len(seen) == len(set(seen)) == 20
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert seen == sorted(seen, reverse=True)
    url = f"{API}/executions/?page_size={size}"
    while (following := api.get(url).json()["next"]) is not None:
        url = following
    back = walk(api, url, "previous")
    assert [id_ for page in reversed(back) for id_ in page] == seen


def test_a_row_that_comes_meanwhile_moves_no_page(api: APIClient, write: Write) -> None:
    task = many_runs(api, write, 6)
    first = api.get(f"{API}/executions/?page_size=3").json()
    api.post(f"{API}/tasks/{task['id']}/execute/")
    second = api.get(first["next"]).json()
    seen = [row["id"] for row in first["results"] + second["results"]]
    assert len(set(seen)) == 6
    newer = api.get(first["previous"] or f"{API}/executions/?page_size=3").json()["results"]
    assert newer[0]["id"] not in seen


def test_a_page_beyond_a_known_row_is_read_from_the_index_not_skipped_to(
    api: APIClient, write: Write, ada: User
) -> None:
    many_runs(api, write, 200)
    url = api.get(f"{API}/executions/?page_size=100").json()["next"]
    with CaptureQueriesContext(connection) as asked:
        api.get(url)
    page = next(q["sql"] for q in asked if "LIMIT" in q["sql"] and '"fleet_execution"' in q["sql"])
    assert "OFFSET" not in page
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE fleet_execution")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {page}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "execution_owner" in plan or "execution_newest" in plan, plan
    assert "Index Cond" in plan and "ROW(" in plan, plan


def seeded(api: APIClient, write: Write, bob: User, count: int) -> None:
    Worker.objects.bulk_create(
        Worker(name=f"w{count}-{n}", host="h", pid=n, pools=["default"], concurrency=1, task_types=["append"])
        for n in range(count)
    )
    for n in range(count):
        before = [f"{count}-{n - 1}"] if n else []
        task = write(f"{count}-{n}", schedule="daily", dependencies=before, assignees=["bob"], tags=["a"])
        api.post(f"{API}/tasks/{task['id']}/execute/")
        api.post(f"{API}/batches/", {"task_ids": [task["id"]]})
        api.post(f"{API}/workflows/", {"task_ids": [task["id"]]})


# Statements of a request by somebody who is no staff; authentication is the test's and asks nothing.
COSTS = {
    "tasks": 4, "executions": 2, "batches": 1, "workflows": 1, "schedules": 1, "dependencies": 1, "templates": 1,
    "workers": 1, "task-types": 1,
}  # fmt: skip


def test_a_list_costs_the_same_statements_for_few_rows_and_for_many(
    api: APIClient, write: Write, bob: User, client_of: Callable[[User], APIClient]
) -> None:
    def costs(client: APIClient) -> dict[str, int]:
        counted = {}
        for kind in COSTS:
            with CaptureQueriesContext(connection) as asked:
                assert client.get(f"{API}/{kind}/").status_code == 200
            counted[kind] = len(asked)
            assert not [q for q in asked if "count(" in q["sql"].lower() or "distinct" in q["sql"].lower()]
        return counted

    seeded(api, write, bob, 2)
    assert costs(api) == COSTS
    seeded(api, write, bob, 6)
    assert costs(api) == COSTS
    assert costs(client_of(bob)) == COSTS


def test_details_cost_a_fixed_number_of_statements(api: APIClient, write: Write) -> None:
    task = write("d")
    execution = api.post(f"{API}/tasks/{task['id']}/execute/").json()["execution_id"]
    batch = api.post(f"{API}/batches/", {"task_ids": [task["id"]] * 3}).json()["batch_id"]
    workflow = api.post(f"{API}/workflows/", {"task_ids": [task["id"]]}).json()["workflow_id"]
    wanted = {
        f"tasks/{task['id']}/": 4, f"tasks/{task['id']}/versions/": 5, f"executions/{execution}/": 5,
        f"executions/{execution}/logs/": 3, f"executions/{execution}/progress/": 2, f"batches/{batch}/": 3,
        f"batches/{batch}/members/": 3, f"workflows/{workflow}/": 4, f"workflows/{workflow}/graph/": 3,
    }  # fmt: skip
    counted = {}
    for path in wanted:
        with CaptureQueriesContext(connection) as asked:
            assert api.get(f"{API}/{path}").status_code == 200
        counted[path] = len(asked)
    assert counted == wanted
    assert Execution.objects.count() == 5
