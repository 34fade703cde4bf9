"""The first page: the numbers, the verdict, the chart, and that its refreshing part is the same thing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from tasks_app.admin import dashboard
from tasks_app.engine import trigger
from tasks_app.models import Execution, LoopLease, Schedule, Slot, TaskDefinition, Worker
from tasks_app.queries import dashboard as numbers
from tasks_app.queries import hourly
from tasks_app.queries.estimates import Rows
from tests.admin.conftest import cheap, text

HOUR = timedelta(hours=1)
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def test_it_counts_what_runs_is_due_failed_and_was_missed(
    page: Client, ran: Callable[..., Execution], define: Callable[..., TaskDefinition]
) -> None:
    ran(fail="permanent")
    ran()
    for state in ("running", "missed"):
        Execution.objects.filter(pk=trigger.trigger(define()).pk).update(state=state)
    Schedule.objects.create(definition=define(), text="hourly", next_due_at=datetime.now(UTC) + HOUR / 2)
    Schedule.objects.create(definition=define(), text="hourly", next_due_at=datetime.now(UTC) + 2 * HOUR)
    trigger.trigger(define(), delay=HOUR / 2)
    trigger.trigger(define(), delay=2 * HOUR)
    with cheap(20):
        shown = text(page.get(reverse("admin:index")))
    for words in ("1 running now", "2 due in the next hour", "1 failed in 24 h", "1 missed in 24 h", "0 workers alive"):
        assert words in shown, words
    assert "asked to fail" in shown and "No worker is alive" in shown


def test_the_queue_is_told_by_pool_with_the_age_of_its_oldest(
    page: Client, define: Callable[..., TaskDefinition], db: None
) -> None:
    for _ in range(3):
        trigger.trigger(define(pool="scan", priority=9))
    Execution.objects.update(sent_at=None)
    Execution.objects.filter(pk=Execution.objects.latest("created_at").pk).update(
        queue_at=Now() - timedelta(minutes=90 + 5)
    )
    queues = {queue.pool: queue for queue in numbers.now().queues}
    assert queues["scan"].waiting == Rows(3) and 299 < (queues["scan"].oldest_seconds or 0) < 320
    assert queues["default"].waiting == Rows(0) and queues["default"].oldest_seconds is None
    assert "5 min" in text(page.get(reverse("admin:index")))


def test_many_waiting_are_said_to_be_more(
    define: Callable[..., TaskDefinition], monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setattr(numbers, "BOUND", 2)
    for _ in range(4):
        trigger.trigger(define())
    queue = next(queue for queue in numbers.now().queues if queue.pool == "default")
    assert str(queue.waiting) == "2+" or str(queue.out) == "2+"


def test_workers_and_limits_are_shown(page: Client, db: None) -> None:
    Worker.objects.create(
        name="w1@here", host="here", pid=1, pools=["default"], task_types=[], concurrency=4, running=3
    )
    Slot.objects.create(key="pool:scan", limit=2, used=1)
    Slot.objects.create(key="pool:idle", limit=2, used=0)
    shown = text(page.get(reverse("admin:index")))
    assert "w1@here" in shown and "3/4" in shown and "pool:scan" in shown and "pool:idle" not in shown


def test_the_refreshing_part_is_the_page_without_its_frame(page: Client, ran: Callable[..., Execution]) -> None:
    ran()
    part = page.get(reverse("admin:dashboard-live"))
    assert part.status_code == 200 and "<html" not in part.content.decode()
    assert f'data-live="{reverse("admin:dashboard-live")}"' in page.get(reverse("admin:index")).content.decode()
    assert "Recent executions" in text(part)


def test_it_links_to_flower_and_the_documentation(page: Client, settings: object) -> None:
    settings.TASKFLEET = replace(settings.TASKFLEET, flower_url="http://flower.example/")  # type: ignore[attr-defined]
    shown = page.get(reverse("admin:index")).content.decode()
    assert 'href="http://flower.example/"' in shown and 'href="/api/docs/"' in shown


def _now(**given: object) -> numbers.Now:
    nothing = Rows(0)
    calm = numbers.Now(
        at=AT,
        running=nothing,
        due_in_an_hour=nothing,
        failed_today=nothing,
        missed_today=nothing,
        workers=[Worker(name="w")],
        loops=[LoopLease(name="tick", holder="b", until=AT + HOUR)],
        slots=[],
        failures=[],
        recent=[],
    )
    return replace(calm, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "level", "words"),
    [
        ({}, "good", "All well"),
        ({"workers": []}, "bad", "No worker is alive"),
        ({"loops": []}, "bad", "No beat is running"),
        ({"loops": [LoopLease(name="tick", holder="b", until=AT - HOUR)]}, "bad", "No beat is running"),
        ({"queues": [numbers.Queue("scan", Rows(3), Rows(0), 90.0)]}, "warn", "Pool scan is behind"),
        ({"queues": [numbers.Queue("scan", Rows(3), Rows(0), 9.0)]}, "good", "All well"),
        ({"failed_today": Rows(2)}, "warn", "2 failed and 0 missed"),
    ],
)
def test_the_verdict_names_the_most_urgent_thing(given: dict[str, object], level: str, words: str) -> None:
    found = dashboard.verdict(_now(**given))
    assert found[0] == level and words in found[1]


def test_the_day_is_counted_by_hour_and_outcome(define: Callable[..., TaskDefinition], db: None) -> None:
    task = define()
    for back, state in ((0, "completed"), (0, "failed"), (3, "completed"), (30, "completed")):
        execution = trigger.trigger(task)
        Execution.objects.filter(pk=execution.pk).update(state=state, created_at=AT - back * HOUR)
    day = hourly.last_day(AT)
    assert [counts for _, counts in day.hours[-4:]] == [{"completed": 1}, {}, {}, {"completed": 1, "failed": 1}]
    assert (len(day.hours), day.total, day.whole_since) == (24, 3, None)


def test_a_day_with_too_many_says_since_when_it_is_whole(
    define: Callable[..., TaskDefinition], monkeypatch: pytest.MonkeyPatch, page: Client
) -> None:
    monkeypatch.setattr(hourly, "NEWEST", 2)
    for _ in range(3):
        trigger.trigger(define())
    assert hourly.last_day(datetime.now(UTC)).total == 2
    assert "are not shown" in text(page.get(reverse("admin:index")))
