"""Batches and workflow runs over the API."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tasks_app.models import Batch, Execution, WorkflowRun
from tests.api.conftest import API, error
from tests.river import drain

Write = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db(transaction=True)


def start(api: APIClient, **wish: Any) -> dict[str, Any]:
    answer = api.post(f"{API}/batches/", wish)
    assert answer.status_code == 202, answer.json()
    assert answer["Location"] == answer.json()["status_url"]
    return answer.json()


def test_a_batch_runs_every_id_also_a_repeated_one(api: APIClient, write: Write) -> None:
    one, two = write("one"), write("two")
    started = start(api, task_ids=[one["id"], two["id"], one["id"]], name="three")
    batch = api.get(started["status_url"]).json()
    assert (batch["total"], batch["max_parallel"], batch["name"], batch["state"]) == (3, 5, "three", "running")
    assert batch["progress"]["counts"] == {"pending": 3} and batch["progress"]["percent"] == 0
    drain()
    done = api.get(started["status_url"]).json()
    assert (done["state"], done["progress"]["counts"], done["progress"]["percent"]) == (
        "completed",
        {"completed": 3},
        100,
    )
    members = api.get(f"{started['status_url']}members/").json()["results"]
    assert [(m["position"], m["execution"]["task_name"]) for m in members] == [(0, "one"), (1, "two"), (2, "one")]
    of_batch = api.get(f"{API}/executions/?batch={started['batch_id']}&state=completed").json()["results"]
    assert len(of_batch) == 3


def test_members_may_differ_in_their_config(api: APIClient, write: Write) -> None:
    task = write("m")
    wish = {"task_ids": [task["id"]] * 2, "overrides": [{"config": {"value": 5}}, None]}
    started = start(api, **wish)
    drain()
    ids = [m["execution"]["id"] for m in api.get(f"{started['status_url']}members/").json()["results"]]
    values = [api.get(f"{API}/executions/{id_}/").json()["result"]["data"]["value"] for id_ in ids]
    assert values == [5, 1]
    for_all = start(api, task_ids=[task["id"]] * 2, overrides={"config": {"value": 7}})
    assert list(Execution.objects.filter(batch_id=for_all["batch_id"]).values_list("overrides", flat=True)) == [
        {"config": {"value": 7}},
        {"config": {"value": 7}},
    ]


@pytest.mark.parametrize(
    ("wish", "where"),
    [
        ({"task_ids": []}, "task_ids"),
        ({"task_ids": ["x"]}, "task_ids.0"),
        ({"task_ids": ["00000000-0000-7000-8000-000000000000"]}, "task_ids"),
        ({"max_parallel": 0}, "max_parallel"),
        ({"max_parallel": 10**12}, "max_parallel"),
        ({"max_parallel": "5"}, "max_parallel"),
        ({"stop_on_failure": "yes"}, "stop_on_failure"),
        ({"overrides": [None, None]}, "overrides"),
        ({"overrides": [{"config": {"value": "x"}}]}, "overrides.0.config.value"),
        ({"overrides": {"config": {"value": "x"}}}, "overrides.config.value"),
        ({"overrides": {"configuration": {}}}, "overrides.configuration"),
        ({"overides": {}}, "overides"),
        ({"priority": 11}, "priority"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(api: APIClient, write: Write, wish: dict[str, Any], where: str) -> None:
    body = {"task_ids": [write("t")["id"]], **wish}
    assert where in error(api.post(f"{API}/batches/", body), 400)["fields"]
    assert not Batch.objects.exists()


def test_a_batch_is_cancelled_and_its_failed_members_repeated(api: APIClient, write: Write) -> None:
    good, bad = write("good"), write("bad", config={"fail": "permanent"}, max_retries=0)
    started = start(api, task_ids=[good["id"], bad["id"]])
    error(api.post(f"{started['status_url']}retry-failed/"), 409)
    drain()
    assert api.get(started["status_url"]).json()["state"] == "failed"
    api.patch(f"{API}/tasks/{bad['id']}/", {"config": {}})
    assert api.post(f"{started['status_url']}retry-failed/").json() == {"count": 1}
    drain()
    assert api.get(started["status_url"]).json()["progress"]["counts"] == {"completed": 2}
    second = start(api, task_ids=[good["id"]] * 3)
    assert api.post(f"{second['status_url']}cancel/", {"reason": "enough"}).json() == {"count": 3}
    assert api.get(second["status_url"]).json()["progress"]["counts"] == {"cancelled": 3}


def test_batches_are_listed_newest_first_and_filtered(api: APIClient, write: Write) -> None:
    task = write("t")
    first = start(api, task_ids=[task["id"]])
    drain()
    second = start(api, task_ids=[task["id"]])
    assert [b["id"] for b in api.get(f"{API}/batches/").json()["results"]] == [second["batch_id"], first["batch_id"]]
    assert [b["id"] for b in api.get(f"{API}/batches/?state=running").json()["results"]] == [second["batch_id"]]


def test_a_workflow_starts_from_several_tasks(api: APIClient, write: Write) -> None:
    a, b = write("a"), write("b")
    write("join", dependencies=["a", "b"])
    answer = api.post(f"{API}/workflows/", {"task_ids": [a["id"], b["id"]], "with_downstream": True, "name": "both"})
    assert answer.status_code == 202
    assert answer.json()["total"] == 3
    drain()
    assert api.get(answer["Location"]).json()["counts"] == {"completed": 3}
    assert [w["name"] for w in api.get(f"{API}/workflows/?state=completed").json()["results"]] == ["both"]
    error(api.post(f"{API}/workflows/", {"task_ids": []}), 400)
    error(api.post(f"{API}/workflows/", {"task_ids": ["00000000-0000-7000-8000-000000000000"]}), 400)


def test_a_large_graph_comes_in_pages_that_hold_every_node_and_edge_once(api: APIClient, write: Write) -> None:
    write("root")
    for number in range(6):
        write(f"leaf {number}", dependencies=["root"])
    root = api.get(f"{API}/tasks/?name=root").json()["results"][0]
    run = api.post(f"{API}/tasks/{root['id']}/execute/", {"with_downstream": True}).json()["workflow_id"]
    url, nodes, edges = f"{API}/workflows/{run}/graph/?page_size=3", [], []
    while url:
        page = api.get(url).json()
        assert len(page["nodes"]) <= 3
        nodes += [node["name"] for node in page["nodes"]]
        edges += [edge["downstream"] for edge in page["edges"]]
        url = page["next"]
    assert sorted(nodes) == ["leaf 0", "leaf 1", "leaf 2", "leaf 3", "leaf 4", "leaf 5", "root"]
    assert len(edges) == len(set(edges)) == 6
    error(api.get(f"{API}/workflows/{run}/graph/?after=nowhere"), 400)


def test_a_workflow_is_cancelled(api: APIClient, write: Write) -> None:
    write("up")
    down = write("down", dependencies=["up"])
    run = api.post(f"{API}/tasks/{down['id']}/execute/", {"with_upstream": True}).json()["workflow_id"]
    assert api.post(f"{API}/workflows/{run}/cancel/").json()["count"] >= 1
    story = api.get(f"{API}/workflows/{run}/").json()
    assert set(story["counts"]) <= {"cancelled", "skipped"}
    assert WorkflowRun.objects.get(pk=run).state == story["state"] == "cancelled"
