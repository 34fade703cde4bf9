"""Edges between tasks: written with their task or one by one, never in a circle, whoever writes at the same time."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from rest_framework.test import APIClient

from tasks_app.models import Dependency
from tests.api.conftest import API, error

Write = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db


def test_an_edge_is_made_listed_and_taken_away(api: APIClient, write: Write) -> None:
    up, down, other = write("up"), write("down"), write("other")
    body = {
        "task": down["id"],
        "upstream": up["id"],
        "condition": "custom",
        "expression": "result.x > 1",
        "delay_ms": 5,
    }
    answer = api.post(f"{API}/dependencies/", body)
    assert answer.status_code == 201
    edge = answer.json()
    assert {k: edge[k] for k in body} == body and (edge["task_name"], edge["upstream_name"]) == ("down", "up")
    for task, count in ((up, 1), (down, 1), (other, 0)):
        assert len(api.get(f"{API}/dependencies/?task={task['id']}").json()["results"]) == count
    error(api.post(f"{API}/dependencies/", body), 409)
    assert api.delete(f"{API}/dependencies/{edge['id']}/").status_code == 204
    assert api.get(f"{API}/tasks/{down['id']}/").json()["dependencies"] == []
    error(api.delete(f"{API}/dependencies/{edge['id']}/"), 404)


def test_a_circle_is_refused_with_its_path_however_it_is_written(api: APIClient, write: Write) -> None:
    a = write("a")
    write("b", dependencies=["a"])
    c = write("c", dependencies=["b"])
    by_edit = error(api.patch(f"{API}/tasks/{a['id']}/", {"dependencies": ["c"]}), 400)
    assert "a -> b -> c -> a" in round_from("a", by_edit["fields"]["dependencies"][0])
    by_edge = error(api.post(f"{API}/dependencies/", {"task": a["id"], "upstream": c["id"]}), 400)
    assert "a -> b -> c -> a" in round_from("a", by_edge["fields"]["upstream"][0])
    itself = error(api.post(f"{API}/dependencies/", {"task": a["id"], "upstream": a["id"]}), 400)
    assert "itself" in str(itself["fields"])
    assert Dependency.objects.count() == 2


def round_from(name: str, message: str) -> str:
    """The path in a message, turned so that it begins with a name."""
    path = message.split(": ", 1)[1].rstrip(".").split(" -> ")[:-1]
    begin = path.index(name)
    return " -> ".join([*path[begin:], *path[:begin], name])


def test_a_long_circle_is_told_in_short(api: APIClient) -> None:
    drafts = [{"name": f"t{n}", "task_type": "append", "dependencies": [f"t{n - 1}"] if n else []} for n in range(500)]
    first = api.post(f"{API}/tasks/bulk/", {"tasks": drafts}).json()["results"][0]
    refused = error(api.patch(f"{API}/tasks/{first['id']}/", {"dependencies": ["t499"]}), 400)
    assert "more)" in refused["fields"]["dependencies"][0] and len(refused["fields"]["dependencies"][0]) < 300


def test_replacing_edges_may_turn_an_edge_around(api: APIClient, write: Write) -> None:
    a = write("a")
    b = write("b", dependencies=["a"])
    assert api.patch(f"{API}/tasks/{b['id']}/", {"dependencies": []}).status_code == 200
    assert api.patch(f"{API}/tasks/{a['id']}/", {"dependencies": ["b"]}).status_code == 200


def test_an_expression_is_checked_when_it_is_written(api: APIClient, write: Write) -> None:
    up, down = write("up"), write("down")
    for expression in ("result.", "", "x" * 600):
        body = {"task": down["id"], "upstream": up["id"], "condition": "custom", "expression": expression}
        error(api.post(f"{API}/dependencies/", body), 400)
    unknown = "00000000-0000-7000-8000-000000000000"
    assert "task" in error(api.post(f"{API}/dependencies/", {"task": unknown, "upstream": up["id"]}), 400)["fields"]
    error(api.post(f"{API}/dependencies/", {"task": down["id"], "upstream": unknown}), 400)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["edge", "edit"])
def test_two_editors_at_once_cannot_close_a_circle(
    write: Write, ada: User, client_of: Callable[[User], APIClient], way: str
) -> None:
    for turn in range(8):
        a, b = write(f"a{turn}"), write(f"b{turn}")
        barrier = threading.Barrier(2)
        answers: list[Any] = []

        def ask(down: dict[str, Any], up: dict[str, Any], barrier: Any = barrier, answers: Any = answers) -> None:
            client = client_of(ada)
            barrier.wait()
            if way == "edge":
                answers.append(client.post(f"{API}/dependencies/", {"task": down["id"], "upstream": up["id"]}))
            else:
                answers.append(client.patch(f"{API}/tasks/{down['id']}/", {"dependencies": [up["id"]]}))
            connections.close_all()

        threads = [threading.Thread(target=ask, args=pair) for pair in ((a, b), (b, a))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [201 if way == "edge" else 200, 400]
