"""Batches, workflow runs, schedules, the ledger, workers, templates, people: each page and what one can do there."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from tasks_app.engine import batches, templates, workflows
from tasks_app.models import (
    Attempt,
    Batch,
    Execution,
    Occurrence,
    OccurrenceRun,
    Schedule,
    TaskDefinition,
    Template,
    Worker,
    WorkflowRun,
)
from templates_library.catalogue import built_in
from tests.admin.conftest import cheap, text, url
from tests.river import drain

Define = Callable[..., TaskDefinition]
YES = {"_form_submitted": "on"}


@pytest.fixture
def batch(define: Define) -> Batch:
    """Six members: four will complete, two will fail."""
    good, bad = define(name="good member"), define(name="bad member", config={"fail": "permanent"}, max_retries=0)
    return batches.start([good.pk] * 4 + [bad.pk] * 2, max_parallel=2, name="six of them")


def test_a_batch_shows_its_progress_and_its_failures(page: Client, batch: Batch) -> None:
    assert "0 %" in text(page.get(url("batch", "change", batch.pk)))
    drain()
    with cheap(16):
        shown = text(page.get(url("batch", "change", batch.pk)))
    for word in ("six of them", "100 %", "4 completed", "2 failed", "[4] bad member", "asked to fail"):
        assert word in shown, word
    listed = text(page.get(url("batch")))
    assert "six of them" in listed and "100 %" in listed


def test_the_members_of_a_batch_are_a_filtered_list(page: Client, batch: Batch, define: Define) -> None:
    link = f"{url('execution')}?batch_id__exact={batch.pk}"
    assert link in page.get(url("batch", "change", batch.pk)).content.decode()
    assert "6 executions" in text(page.get(link))
    drain()
    assert "2 executions" in text(page.get(link + "&state=failed"))


def test_a_large_batch_is_told_without_counting_it(page: Client, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks_app.queries.batch_pages.BOUND", 2)
    with cheap(12):
        assert "~0 %" in text(page.get(url("batch")))


def test_a_batch_is_cancelled_and_its_failed_ones_retried(page: Client, batch: Batch) -> None:
    assert "/retry_failed/" not in page.get(url("batch", "change", batch.pk)).content.decode()
    assert page.get(url("batch", "cancel", batch.pk)).status_code == 200
    assert Execution.objects.filter(state="cancelled").count() == 0
    page.post(url("batch", "cancel", batch.pk), YES)
    assert Execution.objects.filter(state="cancelled").count() == 6
    Batch.objects.update(state="cancelled", finished_at=Now())
    answer = page.post(url("batch", "retry_failed", batch.pk), YES, follow=True)
    assert "6 members run again." in text(answer)
    assert Execution.objects.filter(state="pending", generation=1).count() == 6


@pytest.fixture
def run(define: Define) -> WorkflowRun:
    """first -> second, first -> third, (second, third) -> last, and one that only runs when first fails."""
    first = define(name="first")
    second, third = define(name="second", after=[first]), define(name="third", after=[first])
    define(name="last", after=[second, third])
    define(name="only on failure", after=[(first, "failure")])
    return workflows.start([first], with_downstream=True, name="diamond")


def test_a_workflow_is_drawn_with_the_states_of_its_nodes(page: Client, run: WorkflowRun) -> None:
    drain()
    with cheap(16):
        answer = page.get(url("workflowrun", "change", run.pk))
    shown, drawn = text(answer), answer.content.decode()
    for word in ("diamond", "first", "last", "4 completed", "1 skipped", "100 %"):
        assert word in shown, word
    assert drawn.count('class="tf-edge tf-is-lit"') == 4 and drawn.count('class="tf-edge tf-is-dead"') == 1
    assert drawn.count('class="tf-node') == 5


def test_a_workflow_too_large_to_draw_has_a_cell_a_node(
    page: Client, run: WorkflowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks_app.admin.workflows.DRAWN", 2)
    answer = page.get(url("workflowrun", "change", run.pk)).content.decode()
    assert "too large to draw" in answer and "<svg" not in answer.split('id="live-page"')[1]
    assert answer.count('title="first: pending"') == 1


def test_a_workflow_is_cancelled(page: Client, run: WorkflowRun) -> None:
    answer = page.post(url("workflowrun", "cancel", run.pk), YES, follow=True)
    assert "nodes cancelled" in text(answer)
    assert not Execution.objects.filter(state__in=["pending", "blocked"]).exists()


def test_who_may_not_run_cannot_cancel_either(guest: Callable[..., Client], run: WorkflowRun, batch: Batch) -> None:
    visitor = guest("view_workflowrun", "view_batch")
    for model, row in (("workflowrun", run), ("batch", batch)):
        shown = visitor.get(url(model, "change", row.pk))
        assert shown.status_code == 200 and "/cancel/" not in shown.content.decode()
        assert visitor.post(url(model, "cancel", row.pk), YES).status_code == 403
    assert not Execution.objects.filter(state="cancelled").exists()


def test_a_schedule_shows_its_next_times_and_its_ledger(page: Client, define: Define) -> None:
    task = define(name="nightly")
    schedule = Schedule.objects.create(
        definition=task, text="0 2 * * *", timezone="Europe/Berlin", next_due_at="2031-01-01T01:00Z"
    )
    execution_id = "0192b0a0-0000-7000-8000-000000000000"
    occurrence = Occurrence.objects.create(
        schedule_id=schedule.pk, definition_id=task.pk, due_at="2026-01-01T01:00Z", outcome="run", late=True
    )
    OccurrenceRun.objects.create(occurrence=occurrence, cause="schedule", execution_id=execution_id)
    Occurrence.objects.create(
        schedule_id=schedule.pk,
        definition_id=task.pk,
        due_at="2026-01-02T01:00Z",
        last_due_at="2026-01-05T01:00Z",
        count=4,
        outcome="missed",
        reason="nobody was there",
    )
    with cheap(16):
        answer = page.get(url("schedule", "change", schedule.pk))
    for shown in (text(answer), text(page.get(url("occurrence")))):
        for word in ("2026-01-01 01:00:00 UTC", "run, late", "to 2026-01-05 01:00:00 UTC", "nobody was there", "4"):
            assert word in shown, word
    assert text(answer).count("02:00:00") == 5, "five times in the schedule's own zone"
    assert execution_id in answer.content.decode()
    assert "At 02:00 every day (Europe/Berlin)" in text(page.get(url("schedule")))
    assert "nobody was there" not in text(page.get(url("occurrence") + "?outcome=run"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"error": "unreadable"}, "cannot be read"),
        ({"enabled": False}, "off"),
        ({"next_due_at": None}, "not due"),
        ({"text": "gibberish", "next_due_at": "2031-01-01T01:00Z"}, "gibberish"),
    ],
)
def test_a_schedule_that_does_not_fire_says_so(
    page: Client, define: Define, fields: dict[str, Any], words: str
) -> None:
    schedule = Schedule.objects.create(definition=define(), **{"text": "hourly", **fields})
    for where in (url("schedule"), url("schedule", "change", schedule.pk)):
        assert words in text(page.get(where))


def test_a_worker_shows_what_it_has_in_hand(page: Client, define: Define) -> None:
    names = {"pools": ["default"], "task_types": ["append"], "host": "here", "pid": 7, "concurrency": 4}
    Worker.objects.create(name="w1@here", running=1, rss_kb=2048, **names)
    Worker.objects.create(name="w2@here", stopped_at=Now(), **names)
    execution = Execution.objects.create(
        definition=(task := define(name="in hand")),
        version=task.versions.get(),
        state="running",
        cause="manual",
        task_type="append",
        pool="default",
        priority=4,
    )
    Attempt.objects.create(
        execution_id=execution.pk, number=1, worker="w1@here", pid=8, celery_id="c", lease_until=Now()
    )
    listed = text(page.get(url("worker")))
    assert "alive" in listed and "stopped" in listed and "1/4" in listed
    assert "in hand" in text(page.get(url("worker", "change", "w1@here")))


def test_a_template_is_adopted_with_what_it_needs(page: Client, boss: User) -> None:
    templates.sync(built_in())
    template = Template.objects.get(slug="website-uptime")
    shown = text(page.get(url("template", "change", template.pk)))
    assert "url" in shown and "every 5 minutes" in shown
    where = url("template", "adopt", template.pk)
    assert "&quot;url&quot;: &quot;&quot;" in page.get(where).content.decode()
    again = page.post(where, {**YES, "name": "my site", "config": '{"url": ""}'})
    assert "url: This template needs it from you." in again.content.decode()
    answer = page.post(where, {**YES, "name": "my site", "config": '{"url": "https://example.org/"}'})
    task = TaskDefinition.objects.get(name="my site", owner=boss)
    assert answer["Location"] == url("taskdefinition", "change", task.pk)
    assert Schedule.objects.get(definition=task).text == "every 5 minutes"


def test_who_may_not_write_tasks_cannot_adopt(guest: Callable[..., Client]) -> None:
    templates.sync(built_in())
    template = Template.objects.first()
    assert template is not None
    assert guest("view_template").post(url("template", "adopt", template.pk), YES).status_code == 403


def test_people_without_the_staff_mark_are_asked_to_log_in(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create(username="visitor"))
    for where in (reverse("admin:index"), reverse("admin:dashboard-live"), url("execution")):
        assert "/login/" in client.get(where)["Location"]


def test_a_new_person_is_made_and_given_rights(page: Client) -> None:
    sent = {
        "username": "newcomer",
        "usable_password": "true",
        "password1": "a-long-phrase",
        "password2": "a-long-phrase",
    }
    assert page.post(reverse("admin:auth_user_add"), sent).status_code == 302
    assert (
        page.get(reverse("admin:auth_user_change", args=[User.objects.get(username="newcomer").pk])).status_code == 200
    )


def test_the_login_page_leads_to_the_dashboard(db: None) -> None:
    User.objects.create_superuser("chief", password="a-long-phrase")
    where = reverse("admin:login")
    assert 'name="next" value="/admin/" form="login-form"' in Client().get(where).content.decode()
    answer = Client().post(where, {"username": "chief", "password": "a-long-phrase", "next": "/admin/"})
    assert answer["Location"] == "/admin/"


def test_the_sidebar_shows_only_what_one_may_see(guest: Callable[..., Client]) -> None:
    shown = text(guest("view_execution").get(reverse("admin:index")))
    assert "Executions" in shown and "Templates" not in shown and "Users" not in shown
