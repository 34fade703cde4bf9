"""People see what they own or are assigned to, staff see all, and others cannot tell that it exists."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from rest_framework.test import APIClient

from tasks_app.models import Template
from tests.api.conftest import API, error

Write = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db


@pytest.fixture
def things(api: APIClient, write: Write) -> dict[str, str]:
    """One of each kind, all Ada's; the addresses by kind."""
    up = write("up")
    task = write("hers", dependencies=[up["id"]], schedule="daily", trigger_on_dependencies=True)
    execution = api.post(f"{API}/tasks/{up['id']}/execute/").json()["execution_id"]
    batch = api.post(f"{API}/batches/", {"task_ids": [up["id"]]}).json()["batch_id"]
    workflow = api.post(f"{API}/workflows/", {"task_ids": [task["id"]], "with_upstream": True}).json()["workflow_id"]
    edge = api.get(f"{API}/dependencies/").json()["results"][0]["id"]
    schedule = api.get(f"{API}/schedules/").json()["results"][0]["id"]
    return {
        "tasks": task["id"], "executions": execution, "batches": batch, "workflows": workflow,
        "dependencies": str(edge), "schedules": str(schedule),
    }  # fmt: skip


KINDS = ["tasks", "executions", "batches", "workflows", "dependencies", "schedules"]


@pytest.mark.parametrize("kind", KINDS)
def test_others_see_nothing_and_staff_see_all(
    things: dict[str, str], kind: str, bob: User, root: User, client_of: Callable[[User], APIClient]
) -> None:
    address = f"{API}/{kind}/{things[kind]}/"
    error(client_of(bob).get(address), 404)
    assert client_of(bob).get(f"{API}/{kind}/").json()["results"] == []
    assert client_of(root).get(address).status_code == 200
    assert client_of(root).get(f"{API}/{kind}/").json()["results"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("put", "tasks/{tasks}/"), ("patch", "tasks/{tasks}/"), ("delete", "tasks/{tasks}/"),
        ("get", "tasks/{tasks}/versions/"), ("post", "tasks/{tasks}/execute/"), ("post", "tasks/{tasks}/pause/"),
        ("post", "tasks/{tasks}/resume/"), ("post", "tasks/{tasks}/clone/"),
        ("get", "executions/{executions}/logs/"), ("get", "executions/{executions}/progress/"),
        ("post", "executions/{executions}/cancel/"), ("post", "executions/{executions}/retry/"),
        ("get", "batches/{batches}/members/"), ("post", "batches/{batches}/cancel/"),
        ("post", "batches/{batches}/retry-failed/"), ("get", "workflows/{workflows}/graph/"),
        ("post", "workflows/{workflows}/cancel/"), ("delete", "dependencies/{dependencies}/"),
    ],
)  # fmt: skip
def test_no_verb_reaches_what_cannot_be_seen(
    things: dict[str, str], method: str, path: str, bob: User, client_of: Callable[[User], APIClient]
) -> None:
    error(getattr(client_of(bob), method)(f"{API}/{path.format(**things)}", {} if method != "get" else None), 404)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("batches/", {"task_ids": ["{tasks}"]}),
        ("workflows/", {"task_ids": ["{tasks}"]}),
        ("tasks/", {"name": "x", "task_type": "append", "dependencies": ["{tasks}"]}),
        ("tasks/", {"name": "x", "task_type": "append", "dependencies": ["hers"]}),
        ("dependencies/", {"task": "{tasks}", "upstream": "{tasks}"}),
    ],
)
def test_what_cannot_be_seen_cannot_be_used(
    things: dict[str, str], path: str, body: dict[str, Any], bob: User, client_of: Callable[[User], APIClient]
) -> None:
    filled = {k: [v[0].format(**things)] if isinstance(v, list) else v.format(**things) for k, v in body.items()}
    error(client_of(bob).post(f"{API}/{path}", filled), 400)


def test_bulk_verbs_do_not_reach_other_peoples_runs(
    things: dict[str, str], bob: User, client_of: Callable[[User], APIClient], api: APIClient
) -> None:
    wish = {"action": "cancel", "ids": [things["executions"]]}
    told = client_of(bob).post(f"{API}/executions/bulk/", wish).json()
    assert told["results"][0]["code"] == "not_found"
    assert api.get(f"{API}/executions/{things['executions']}/").json()["state"] == "pending"


def test_who_is_assigned_sees_runs_and_edits_but_neither_archives_nor_assigns(
    api: APIClient, write: Write, bob: User, client_of: Callable[[User], APIClient]
) -> None:
    task = write("shared", assignees=["bob"], schedule="daily")
    write("private")
    bobs = client_of(bob)
    url = f"{API}/tasks/{task['id']}/"
    assert [row["name"] for row in bobs.get(f"{API}/tasks/").json()["results"]] == ["shared"]
    assert bobs.get(f"{API}/tasks/?owner=me").json()["results"] == []
    run = bobs.post(f"{url}execute/").json()["execution_id"]
    theirs = api.post(f"{url}execute/").json()["execution_id"]
    assert {row["id"] for row in bobs.get(f"{API}/executions/").json()["results"]} == {run, theirs}
    assert bobs.get(f"{API}/schedules/").json()["results"][0]["task_name"] == "shared"
    assert bobs.patch(url, {"max_retries": 1}).status_code == 200
    error(bobs.delete(url), 403)
    error(bobs.patch(url, {"assignees": []}), 403)
    assert bobs.put(url, bobs.get(url).json()).status_code == 200, "sending back what was read changes nobody"
    api.patch(url, {"assignees": []})
    error(bobs.get(url), 404)


def test_a_task_named_by_two_people_is_ones_own_and_otherwise_ambiguous(
    api: APIClient, write: Write, bob: User, root: User, client_of: Callable[[User], APIClient]
) -> None:
    mine = write("same")
    client_of(bob).post(f"{API}/tasks/", {"name": "same", "task_type": "append", "assignees": ["ada"]})
    assert write("after", dependencies=["same"])["dependencies"][0]["task"] == mine["id"]
    body = {"name": "after", "task_type": "append", "dependencies": ["same"]}
    refused = error(client_of(root).post(f"{API}/tasks/", body), 400)
    assert "give the id" in refused["fields"]["dependencies.0"][0]


def test_templates_are_seen_by_their_visibility(
    ada: User, bob: User, api: APIClient, client_of: Callable[[User], APIClient]
) -> None:
    for visibility in Template.Visibility.values:
        Template.objects.create(slug=visibility, name=visibility, task_type="append", visibility=visibility, owner=bob)

    def seen(client: APIClient) -> list[str]:
        return [row["slug"] for row in client.get(f"{API}/templates/").json()["results"]]

    assert seen(api) == ["public"]
    assert seen(client_of(bob)) == ["private", "public", "team"]
    team = Group.objects.create(name="team")
    team.user_set.add(ada, bob)
    assert seen(api) == ["public", "team"]
    error(api.get(f"{API}/templates/private/"), 404)
