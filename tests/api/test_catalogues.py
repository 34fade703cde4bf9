"""Schedules, templates, task types and workers over the API."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from tasks_app.engine import templates
from tasks_app.engine.rows import execute
from tasks_app.models import Template, Worker
from templates_library.catalogue import CatalogueError, built_in
from tests.api.conftest import API, error

Write = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db


def preview(api: APIClient, schedule: str | None, **fields: Any) -> dict[str, Any]:
    answer = api.post(f"{API}/schedules/preview/", {"schedule": schedule, **fields})
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_a_preview_tells_the_next_instants_in_utc_and_on_the_wall(api: APIClient) -> None:
    told = preview(api, "daily at 9:00", timezone="America/New_York", count=3)
    assert (len(told["fires"]), told["kind"], told["timezone"]) == (3, "cron", "America/New_York")
    assert told["words"]
    for fire in told["fires"]:
        utc, local = datetime.fromisoformat(fire["utc"]), datetime.fromisoformat(fire["local"])
        assert utc == local and local.hour == 9 and local.utcoffset() != timedelta(0)


def test_a_preview_respects_its_bounds(api: APIClient) -> None:
    told = preview(api, "every 1 day", start_at="2100-01-01T00:00:00Z", end_at="2100-01-03T00:00:00Z", count=100)
    assert [fire["utc"][:10] for fire in told["fires"]] == ["2100-01-01", "2100-01-02", "2100-01-03"]
    assert preview(api, None)["fires"] == [] == preview(api, "manual")["fires"]
    late = {"schedule": "every 5 minutes", "start_at": "9999-12-31T23:59:00Z", "count": 100}
    assert api.post(f"{API}/schedules/preview/", late).status_code in (200, 400)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"schedule": "every 5 minuts"}, "schedule"),
        ({"schedule": "61 * * * *"}, "schedule"),
        ({"schedule": "x" * 201}, "schedule"),
        ({"timezone": "Europe/Berlim"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"count": 0}, "count"),
        ({"count": 101}, "count"),
        ({"cuont": 5}, "cuont"),
    ],
)
def test_a_preview_that_makes_no_sense_is_refused_with_a_hint(
    api: APIClient, fields: dict[str, Any], where: str
) -> None:
    refused = error(api.post(f"{API}/schedules/preview/", {"schedule": "daily", **fields}), 400)
    assert where in refused["fields"]


def test_schedules_are_listed_in_words_with_their_task(api: APIClient, write: Write) -> None:
    task = write("s", schedule={"text": "weekdays at 8:30", "timezone": "Europe/Berlin"})
    row = api.get(f"{API}/schedules/?task={task['id']}").json()["results"][0]
    assert (row["task"], row["task_name"], row["timezone"]) == (task["id"], "s", "Europe/Berlin")
    assert "Berlin" in row["words"] and row["next_due_at"] == task["next_due_at"]
    assert api.get(f"{API}/schedules/{row['id']}/").json() == row
    assert api.get(f"{API}/schedules/?due_before=2020-01-01T00:00:00Z").json()["results"] == []


def test_built_in_templates_are_synced_any_number_of_times_and_leave_peoples_own_alone(ada: Any) -> None:
    Template.objects.create(slug="website-uptime", name="mine", task_type="append", owner=ada)
    Template.objects.create(slug="bygone", name="old", task_type="append", built_in=True)
    for _ in range(2):
        out, err = StringIO(), StringIO()
        call_command("sync_templates", stdout=out, stderr=err)
    slugs = set(Template.objects.filter(built_in=True).values_list("slug", flat=True))
    assert slugs == {entry["slug"] for entry in built_in()} - {"website-uptime"}
    assert Template.objects.get(slug="website-uptime").name == "mine"
    assert "website-uptime" in err.getvalue()
    execute("UPDATE fleet_template SET name = 'spoilt' WHERE built_in")
    templates.sync(built_in())
    assert not Template.objects.filter(name="spoilt").exists()


@pytest.mark.parametrize(
    "text",
    ["[[template]]\nslug='a'", "category='C'\n[[template]]\nslug='a'\nname='a'\ndescription='d'\ntask_type='t'\nx=1"],
)
def test_a_family_file_with_a_mistake_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "family.toml").write_text(text)
    with pytest.raises(CatalogueError, match=r"family\.toml, a:"):
        built_in(tmp_path)


REQUIRED = {"url": "https://example.test/", "command": "true", "email": {"to": "team@example.test"}}


@pytest.mark.parametrize("entry", built_in(), ids=lambda entry: entry["slug"])
def test_every_built_in_template_becomes_a_task_with_what_it_asks_for(api: APIClient, entry: dict[str, Any]) -> None:
    templates.sync([entry])
    url = f"{API}/templates/{entry['slug']}/"
    shown = api.get(url).json()
    assert api.get(f"{API}/templates/{shown['id']}/").json() == shown
    if entry["required"]:
        refused = error(api.post(f"{url}adopt/", {}), 400)
        assert set(refused["fields"]) == {f"config.{name}" for name in entry["required"]}
    config = {name: REQUIRED[name] for name in entry["required"]}
    answer = api.post(f"{url}adopt/", {"name": "adopted", "config": config, "priority": "critical"})
    assert answer.status_code == 201, answer.json()
    task = answer.json()
    assert (task["name"], task["priority"], task["task_type"]) == ("adopted", "critical", entry["task_type"])
    assert api.get(answer["Location"]).json() == task


def test_templates_are_found_by_category_and_adoption_refuses_nonsense(api: APIClient) -> None:
    templates.sync(built_in())
    found = api.get(f"{API}/templates/?category=monitoring").json()["results"]
    assert [row["slug"] for row in found] == ["api-contract-check", "website-uptime"]
    url = f"{API}/templates/website-uptime/adopt/"
    wanted = {"url": "https://example.test/"}
    assert "colour" in error(api.post(url, {"config": wanted, "colour": 1}), 400)["fields"]
    assert "config.methd" in error(api.post(url, {"config": {**wanted, "methd": "GET"}}), 400)["fields"]
    assert "config" in error(api.post(url, {"config": 5}), 400)["fields"]
    error(api.post(url, [1]), 400)
    error(api.post(f"{API}/templates/none/adopt/", {}), 404)


def test_task_types_come_with_their_schema_and_who_can_run_them(api: APIClient) -> None:
    Worker.objects.create(name="w", host="h", pid=1, pools=["default"], concurrency=1, task_types=["api_call"])
    gone = Worker.objects.create(name="x", host="h", pid=2, pools=["default"], concurrency=1, task_types=["api_call"])
    Worker.objects.filter(pk=gone.pk).update(heartbeat_at=datetime(2020, 1, 1, tzinfo=UTC))
    by_type = {row["task_type"]: row for row in api.get(f"{API}/task-types/").json()["results"]}
    assert {"script", "api_call", "webhook", "custom", "notification"} <= set(by_type)
    assert (by_type["api_call"]["workers"], by_type["script"]["workers"]) == (1, 0)
    schema = api.get(f"{API}/task-types/ApiCall/schema/").json()
    assert schema["properties"]["url"] and "url" in schema["required"]
    assert api.get(f"{API}/task-types/api-call/").json()["schema"]["properties"] == schema["properties"]
    error(api.get(f"{API}/task-types/teleport/schema/"), 404)


def test_workers_are_listed_with_whether_they_live(api: APIClient) -> None:
    for name in ("a", "b", "c"):
        Worker.objects.create(name=name, host="h", pid=1, pools=["default"], concurrency=2, task_types=["append"])
    Worker.objects.filter(name="b").update(stopped_at=datetime.now(UTC))
    Worker.objects.filter(name="c").update(heartbeat_at=datetime.now(UTC) - timedelta(hours=1))
    rows = api.get(f"{API}/workers/").json()["results"]
    assert [(row["name"], row["alive"]) for row in rows] == [("a", True), ("b", False), ("c", False)]
