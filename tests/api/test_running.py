"""Tasks are run over the API: now, later, with others; the runs are seen, cancelled and repeated."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from tasks_app.models import Execution, LogLine
from tests.api.conftest import API, error
from tests.river import drain

Write = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db


def run(api: APIClient, task: dict[str, Any], **wish: Any) -> dict[str, Any]:
    answer = api.post(f"{API}/tasks/{task['id']}/execute/", wish)
    assert answer.status_code == 202, answer.json()
    assert answer["Location"] == answer.json()["status_url"]
    return answer.json()


def test_a_run_is_accepted_and_its_whole_story_told_at_its_address(api: APIClient, write: Write) -> None:
    started = run(api, write("one", config={"value": 4}))
    assert (started["state"], started["workflow_id"]) == ("pending", None)
    assert api.get(started["status_url"]).json()["result"] is None
    drain()
    story = api.get(started["status_url"]).json()
    assert (story["state"], story["task_name"], story["version"], story["cause"]) == ("completed", "one", 1, "manual")
    assert story["result"]["data"]["value"] == 4
    assert [(a["number"], a["outcome"]) for a in story["attempts_made"]] == [(1, "completed")]
    assert [(t["old"], t["new"]) for t in story["transitions"]] == [
        (None, "pending"), ("pending", "running"), ("running", "completed"),
    ]  # fmt: skip
    assert story["error"] is None and story["duration_ms"] >= 0
    last = api.get(f"{API}/tasks/{story['task']}/").json()["last_run"]
    assert (last["execution_id"], last["state"]) == (started["execution_id"], "completed")


def test_the_request_id_is_on_the_execution(api: APIClient, write: Write) -> None:
    task = write("traced")
    answer = api.post(f"{API}/tasks/{task['id']}/execute/", {}, HTTP_X_REQUEST_ID="from-the-caller")
    assert answer["X-Request-Id"] == "from-the-caller"
    assert api.get(answer["Location"]).json()["request_id"] == "from-the-caller"


@pytest.mark.parametrize("how", ["config", "overrides"])
def test_one_run_may_differ_in_its_config(api: APIClient, write: Write, how: str) -> None:
    config = {"value": 9}
    started = run(api, write("o"), **({"config": config} if how == "config" else {"overrides": {"config": config}}))
    drain()
    story = api.get(started["status_url"]).json()
    assert story["result"]["data"]["value"] == 9 and story["overrides"] == {"config": {"value": 9}}


def test_a_wrong_config_of_one_run_is_refused_before_it_starts(api: APIClient, write: Write) -> None:
    task = write("o")
    refused = error(api.post(f"{API}/tasks/{task['id']}/execute/", {"config": {"value": "x"}}), 400)
    assert "config.value" in refused["fields"]
    assert not Execution.objects.exists()


def test_a_run_may_wait(api: APIClient, write: Write) -> None:
    task = write("later")
    delayed = Execution.objects.get(pk=run(api, task, delay_ms=60_000)["execution_id"])
    assert delayed.state == "scheduled"
    assert timedelta(seconds=55) < delayed.run_at - delayed.created_at < timedelta(seconds=65)
    at = datetime.now(UTC) + timedelta(days=1)
    assert Execution.objects.get(pk=run(api, task, run_at=at.isoformat())["execution_id"]).run_at == at


@pytest.mark.parametrize(
    ("wish", "where"),
    [
        ({"run_at": "9999-12-31T23:59:59Z"}, "run_at"),
        ({"run_at": "0001-01-01T00:00:00+14:00"}, "run_at"),
        ({"run_at": 10**40}, "run_at"),
        ({"delay_ms": -1}, "delay_ms"),
        ({"delay_ms": 10**20}, "delay_ms"),
        ({"delay_ms": 5, "run_at": "2030-01-01T00:00:00Z"}, "body"),
        ({"priority": "urgent"}, "priority"),
        ({"with_upstream": True, "force": True}, "body"),
        ({"overrides": {"confg": {}}}, "overrides.confg"),
        ({"dely_ms": 5}, "dely_ms"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(api: APIClient, write: Write, wish: dict[str, Any], where: str) -> None:
    task = write("strange")
    assert where in error(api.post(f"{API}/tasks/{task['id']}/execute/", wish), 400)["fields"]


def test_a_paused_task_runs_by_hand_and_is_marked(api: APIClient, write: Write) -> None:
    task = write("paused", status="paused")
    story = api.get(run(api, task)["status_url"]).json()
    assert story["forced"] is True
    drain()
    assert api.get(f"{API}/executions/{story['id']}/").json()["state"] == "completed"


def test_a_gated_run_waits_for_its_upstream_unless_forced(api: APIClient, write: Write) -> None:
    task = write("down", dependencies=[write("up")["id"]])
    assert run(api, task)["state"] == "blocked"
    assert run(api, task, force=True)["state"] == "pending"


@pytest.mark.django_db(transaction=True)
def test_a_task_runs_with_what_it_depends_on_as_one_workflow(api: APIClient, write: Write) -> None:
    a = write("a")
    b = write("b", dependencies=["a"])
    write("c", dependencies=["b"])
    started = run(api, b, with_upstream=True, with_downstream=True)
    workflow = api.get(f"{API}/workflows/{started['workflow_id']}/").json()
    assert workflow["total"] == 3 and sum(workflow["counts"].values()) == 3
    drain()
    done = api.get(f"{API}/workflows/{started['workflow_id']}/").json()
    assert (done["state"], done["counts"]) == ("completed", {"completed": 3})
    ended = {node["name"]: node["finished_at"] for node in done["graph"]["nodes"]}
    assert ended["a"] <= ended["b"] <= ended["c"]
    names = {node["id"]: node["name"] for node in done["graph"]["nodes"]}
    edges = {(names[e["upstream"]], names[e["downstream"]], e["state"]) for e in done["graph"]["edges"]}
    assert edges == {("a", "b", "lit"), ("b", "c", "lit")}
    assert api.get(f"{API}/executions/?workflow={started['workflow_id']}&task={a['id']}").json()["results"]


def test_cancelling_ends_what_waits_and_refuses_what_has_ended(api: APIClient, write: Write) -> None:
    started = run(api, write("c"))
    url = f"{API}/executions/{started['execution_id']}/"
    answer = api.post(f"{url}cancel/", {"reason": "not today"})
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert api.get(url).json()["transitions"][-1]["reason"] == "not today"
    assert error(api.post(f"{url}cancel/"), 409)["code"] == "conflict"


def test_a_failed_run_is_a_dead_letter_and_can_be_repeated(api: APIClient, write: Write) -> None:
    started = run(api, write("f", config={"fail": "permanent"}))
    drain()
    dead = api.get(f"{API}/executions/?state=failed").json()["results"]
    assert [row["id"] for row in dead] == [started["execution_id"]]
    assert dead[0]["error"]["kind"] == "execution_error"
    url = f"{API}/executions/{started['execution_id']}/retry/"
    answer = api.post(url, {"overrides": {"config": {"fail": ""}}})
    assert answer.status_code == 202
    drain()
    again = api.get(answer["Location"]).json()
    assert (again["state"], again["cause"], again["rerun_of"]) == ("completed", "rerun", started["execution_id"])


def test_what_has_not_ended_cannot_be_repeated(api: APIClient, write: Write) -> None:
    started = run(api, write("open"))
    error(api.post(f"{API}/executions/{started['execution_id']}/retry/"), 409)


def test_many_are_repeated_or_cancelled_with_an_outcome_each(api: APIClient, write: Write) -> None:
    task = write("many")
    ended, waiting = run(api, task)["execution_id"], None
    drain()
    waiting = run(api, task)["execution_id"]
    unknown = "00000000-0000-7000-8000-000000000000"
    ids = [ended, waiting, unknown]
    retried = api.post(f"{API}/executions/bulk/", {"action": "retry", "ids": ids}).json()
    assert (retried["succeeded"], retried["failed"]) == (1, 2)
    assert [(row["id"], row["ok"], row["code"]) for row in retried["results"]] == [
        (ended, True, None), (waiting, False, "conflict"), (unknown, False, "not_found"),
    ]  # fmt: skip
    assert (
        Execution.objects.get(pk=retried["results"][0]["execution_id"]).rerun_of == Execution.objects.get(pk=ended).pk
    )
    cancelled = api.post(f"{API}/executions/bulk/", {"action": "cancel", "ids": ids}).json()
    assert [row["ok"] for row in cancelled["results"]] == [False, True, False]
    error(api.post(f"{API}/executions/bulk/", {"action": "cancel", "ids": []}), 400)
    error(api.post(f"{API}/executions/bulk/", {"action": "delete", "ids": ids}), 400)


def test_logs_are_read_page_by_page_and_on_while_they_grow(api: APIClient, write: Write) -> None:
    execution = run(api, write("chatty"))["execution_id"]
    for number in range(5):
        LogLine.objects.create(execution_id=execution, attempt=1, level="info", message=f"line {number}")
    first = api.get(f"{API}/executions/{execution}/logs/?page_size=3").json()
    assert [line["message"] for line in first["results"]] == ["line 0", "line 1", "line 2"]
    assert first["more"] is True and first["final"] is False
    second = api.get(first["next"]).json()
    assert [line["message"] for line in second["results"]] == ["line 3", "line 4"] and second["more"] is False
    assert api.get(second["next"]).json()["results"] == []
    LogLine.objects.create(execution_id=execution, attempt=1, level="error", message="late", data={"a": 1})
    late = api.get(second["next"]).json()["results"]
    assert [(line["level"], line["message"], line["data"]) for line in late] == [("error", "late", {"a": 1})]


@pytest.mark.parametrize("after", ["x", "-1", "1e3", "9" * 40, "٣"])
def test_a_place_in_the_log_is_a_number(api: APIClient, write: Write, after: str) -> None:
    execution = run(api, write("log"))["execution_id"]
    assert "after" in error(api.get(f"{API}/executions/{execution}/logs/?after={after}"), 400)["fields"]


def test_progress_is_told(api: APIClient, write: Write) -> None:
    execution = run(api, write("p"))["execution_id"]
    Execution.objects.filter(pk=execution).update(progress=0.256)
    told = api.get(f"{API}/executions/{execution}/progress/").json()
    assert (told["progress"], told["percent"], told["final"]) == (0.256, 25.6, False)


@pytest.mark.parametrize(
    ("query", "count"),
    [("state=completed,pending", 2), ("state=completed", 1), ("cause=manual", 2), ("cause=schedule", 0),
     ("task_type=append", 2), ("task_type=script", 0), ("created_after=2020-01-01T00:00:00Z", 2),
     ("created_before=2020-01-01T00:00:00Z", 0)],
)  # fmt: skip
def test_executions_are_filtered(api: APIClient, write: Write, query: str, count: int) -> None:
    task = write("f")
    run(api, task)
    drain()
    run(api, task)
    assert len(api.get(f"{API}/executions/?{query}").json()["results"]) == count


def test_too_many_waiting_is_429_with_a_time_to_come_back(api: APIClient, write: Write, settings: Any) -> None:
    from dataclasses import replace

    task = write("busy")
    settings.TASKFLEET = replace(settings.TASKFLEET, waiting_limit_owner=0)
    answer = api.post(f"{API}/tasks/{task['id']}/execute/")
    assert error(answer, 429)["code"] == "too_many_waiting"
    assert int(answer["Retry-After"]) > 0
