"""Every list of the admin: it opens, costs the same few statements however many rows, and counts nothing large."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tasks_app.models import Execution, Occurrence, Schedule, TaskDefinition
from tests.admin.conftest import LARGE, cheap, text, url

LISTS = [
    f"{model._meta.app_label}_{model._meta.model_name}"
    for model in admin.site._registry
    if model._meta.app_label in {"tasks_app", "django_celery_beat", "django_celery_results", "auth"}
]
OWN = ["execution", "taskdefinition", "batch", "workflowrun", "schedule", "occurrence", "worker", "template"]


@pytest.mark.parametrize("name", LISTS)
def test_opens_in_few_statements(page: Client, name: str) -> None:
    page.get(reverse("admin:index"))
    with cheap(12):
        assert page.get(reverse(f"admin:{name}_changelist")).status_code == 200


@pytest.mark.parametrize("name", [name for name in LISTS if not name.startswith("tasks_app")])
def test_pages_that_add_open(page: Client, name: str) -> None:
    answer = page.get(reverse(f"admin:{name}_add"))
    assert answer.status_code == (403 if "results" in name else 200)


def test_all_of_the_fleet_and_of_celery_is_there() -> None:
    assert {f"tasks_app_{name}" for name in OWN} <= set(LISTS)
    assert {"django_celery_beat_periodictask", "django_celery_results_taskresult", "auth_user"} <= set(LISTS)


@pytest.mark.parametrize("name", ["execution", "taskdefinition", "schedule", "occurrence"])
def test_more_rows_cost_no_more_statements(page: Client, define: Callable[..., TaskDefinition], name: str) -> None:
    def fill(rows: int) -> int:
        for _ in range(rows):
            task = define()
            schedule = Schedule.objects.create(definition=task, text="every minute")
            Occurrence.objects.create(schedule_id=schedule.pk, definition_id=task.pk, due_at="2026-01-01T00:00Z")
            _row(task)
        with CaptureQueriesContext(connection) as seen:
            assert page.get(url(name)).status_code == 200
        return len(seen)

    fill(1)
    assert fill(2) == fill(20)


@pytest.fixture
def history(define: Callable[..., TaskDefinition], monkeypatch: pytest.MonkeyPatch) -> None:
    """Many times more executions than any page may read, with the bounds turned down to match."""
    monkeypatch.setattr("tasks_app.admin.execution_filters.WINDOW", 3_000)
    monkeypatch.setattr("tasks_app.queries.hourly.NEWEST", 3_000)
    monkeypatch.setattr("tasks_app.admin.paginator.DEPTH", 1_000)
    monkeypatch.setattr("tasks_app.queries.dashboard.BOUND", 100)
    task = define(name="busy")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO fleet_execution (id, definition_id, version_id, task_type, pool, priority, state, cause, "
            "created_at) SELECT gen_random_uuid(), %s, %s, 'append', 'default', 4, "
            "CASE WHEN n %% 10 = 0 THEN 'failed' ELSE 'completed' END, 'manual', now() - n * interval '1 second' "
            "FROM generate_series(1, 60000) n",
            [task.pk, task.current_version_id],
        )
        cursor.execute("ANALYZE fleet_execution")


def _row(task: TaskDefinition, state: str = "completed", **fields: Any) -> Execution:
    content = {"task_type": "append", "pool": "default", "priority": 4, "cause": "manual", **fields}
    return Execution.objects.create(definition=task, version=task.versions.get(), state=state, **content)


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("", 200),
        ("?p=20", 1_100),
        ("?state=failed", 1_100),
        ("?state=running", 100),
        ("?state=completed", 3_100),
        ("?type=script", 3_100),
        ("?cause=batch", 3_100),
        ("?q=busy", 3_100),
        ("?q=nothing-is-named-so", 3_100),
    ],
)
def test_no_list_of_executions_reads_more_than_its_bound(page: Client, history: None, query: str, most: int) -> None:
    page.get(url("execution"))
    with CaptureQueriesContext(connection) as seen:
        assert page.get(url("execution") + query).status_code == 200
    for statement in seen.captured_queries:
        if "fleet_execution" in statement["sql"] and statement["sql"].lstrip().upper().startswith("SELECT"):
            assert _rows_read(statement["sql"]) <= most, statement["sql"]


def test_the_dashboard_reads_a_bounded_part_of_history(page: Client, history: None) -> None:
    with CaptureQueriesContext(connection) as seen:
        assert page.get(reverse("admin:index")).status_code == 200
    for statement in seen.captured_queries:
        if "fleet_execution" in statement["sql"]:
            most = 3_100 if "newest" in statement["sql"] else 200
            assert _rows_read(statement["sql"]) <= most, statement["sql"]


def test_nobody_can_ask_for_counts_of_the_filters(page: Client, history: None) -> None:
    page.get(url("execution"))
    with cheap(12):
        shown = page.get(url("execution") + "?_facets=True").content.decode()
    assert "Show counts" not in shown and "Hide counts" not in shown


def test_a_long_list_says_about_how_many_rows_there_are(page: Client, history: None) -> None:
    shown = text(page.get(url("execution")))
    assert re.search(r"about 60,000 executions \(pages reach the first 1000\)", shown), shown[-2000:]


def test_a_filtered_long_list_says_more_than_it_counted(page: Client, history: None) -> None:
    assert "1,000+ executions" in text(page.get(url("execution") + "?state=failed"))


def _rows_read(sql: str) -> int:
    """The most rows that any one node of the statement's plan took from a large table."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql)
        plan = cursor.fetchone()[0][0]["Plan"]
    most, waiting = 0, [plan]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if node.get("Relation Name") in LARGE:
            taken = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            most = max(most, int(taken * node["Actual Loops"]))
    return most
