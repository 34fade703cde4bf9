"""Celery tasks of a user's own app, scheduled by hand in django-celery-beat's admin."""

import json
from datetime import UTC, timedelta

import pytest
import redis
from celery import current_app
from django.conf import settings
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, PeriodicTask

from tasks_app.broker.fuse import FUSE
from tasks_app.engine.clock import database_now
from tasks_app.engine.tick import seconds_until_due, tick_once
from tasks_app.models import Execution, Occurrence, Schedule
from tests.timetable import minute, scheduled

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def clean_broker():
    redis.Redis.from_url(settings.ENV.broker_url).flushdb()


def by_hand(**fields):
    """A PeriodicTask whose schedule was read and is due since the last whole minute."""
    fields.setdefault("crontab", None if "clocked" in fields else CrontabSchedule.objects.create())
    task = PeriodicTask.objects.create(name=f"by hand {PeriodicTask.objects.count()}", task="shop.reindex", **fields)
    tick_once()
    Schedule.objects.filter(periodic_task=task).update(next_due_at=minute())
    return task


def message(queue="default"):
    """The next message of a queue, or None."""
    with current_app.connection_for_read() as connection:
        waiting = connection.SimpleQueue(queue)
        try:
            found = waiting.get(block=False)
        except waiting.Empty:
            return None
        found.ack()
        return found


def test_its_celery_task_is_sent_by_name_with_arguments_queue_and_headers(db):
    task = by_hand(
        args='["shoes"]', kwargs='{"full": true}', queue="scan", headers='{"tenant": "north"}', expire_seconds=600
    )
    tick_once()
    sent = message("scan")
    args, kwargs, _ = sent.payload
    assert (sent.headers["task"], args, kwargs) == ("shop.reindex", ["shoes"], {"full": True})
    assert (sent.headers["tenant"], sent.headers["periodic_task_name"]) == ("north", task.name)
    assert sent.headers["expires"] is not None
    assert message("scan") is None


def test_it_passes_the_ledger_but_is_no_execution_of_ours(db):
    task = by_hand()
    tick_once()
    Schedule.objects.update(next_due_at=minute())
    tick_once()
    assert message() is not None and message() is None
    assert Occurrence.objects.get().outcome == "run" and not Execution.objects.exists()
    task.refresh_from_db()
    assert task.total_run_count == 1
    assert database_now() - task.last_run_at < timedelta(seconds=30)
    assert not Schedule.objects.filter(stale_at__isnull=False).exists()


def test_what_is_to_run_once_runs_once_and_may_be_switched_on_again(db):
    task = by_hand(one_off=True)
    tick_once()
    assert message() is not None
    task.refresh_from_db()
    assert not task.enabled
    Occurrence.objects.all().delete()
    Schedule.objects.filter(next_due_at__isnull=False).update(next_due_at=minute())
    tick_once()
    tick_once()
    assert message() is None
    task.enabled = True
    task.save()
    tick_once()
    assert Schedule.objects.get().next_due_at == minute(ago=-1)


def test_several_passed_instants_of_what_is_to_run_once_are_one_run(db):
    by_hand(one_off=True)
    Schedule.objects.update(next_due_at=minute(ago=5), misfire_seconds=3600)
    tick_once()
    assert message() is not None and message() is None


def test_a_single_date_is_sent_when_it_comes(db):
    at = database_now().astimezone(UTC).replace(microsecond=0) + timedelta(hours=1)
    task = by_hand(clocked=ClockedSchedule.objects.create(clocked_time=at), one_off=True)
    Schedule.objects.update(text=minute().isoformat())
    tick_once()
    assert message() is not None
    task.refresh_from_db()
    assert not task.enabled
    tick_once()
    assert seconds_until_due() is None


def test_while_the_broker_is_away_it_stays_due_and_goes_out_later(db, monkeypatch):
    from tasks_app.engine import handmade

    monkeypatch.setattr(handmade, "send_plain", lambda *args, **kwargs: False)
    task = by_hand(one_off=True)
    tick_once()
    schedule = Schedule.objects.get()
    assert schedule.next_due_at == minute() and schedule.enabled and not Occurrence.objects.exists()
    monkeypatch.undo()
    tick_once()
    assert message() is not None
    task.refresh_from_db()
    assert task.total_run_count == 1 and not task.enabled


def test_a_broker_that_is_away_keeps_only_hand_made_rows_waiting(define):
    by_hand()
    scheduled(define(), due=minute())
    FUSE.blow()
    assert tick_once() == 1
    assert Execution.objects.count() == 1 and not Occurrence.objects.filter(definition_id=None).exists()
    FUSE.mend()
    tick_once()
    assert message() is not None


def test_arguments_that_are_no_json_do_not_stop_the_others(db):
    by_hand(args="[oops")
    by_hand(args=json.dumps(["fine"]))
    Schedule.objects.update(next_due_at=minute())
    tick_once()
    assert message().payload[0] == ["fine"]
    assert message() is None


def test_one_end_of_life_is_respected(db):
    task = by_hand()
    PeriodicTask.objects.filter(pk=task.pk).update(expires=minute(ago=1))
    tick_once()
    tick_once()
    assert message() is None and Schedule.objects.get().next_due_at is None
