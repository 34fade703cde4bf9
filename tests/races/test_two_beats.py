"""Several beats at once, beside people who edit: every occurrence once, nobody waits for ever, nothing is lost."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from tasks_app.engine import control, scheduling
from tasks_app.engine.clock import once_more
from tasks_app.engine.tick import occurrence_due, seconds_until_due, tick_once
from tasks_app.models import Execution, Occurrence, OccurrenceRun, Schedule
from tests.timetable import minute, scheduled

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], None]) -> None:
    """Run all of them behind one barrier; the first error of any is raised."""
    barrier, errors = threading.Barrier(len(works)), []

    def run(work):
        try:
            barrier.wait(10)
            work()
        except BaseException as exc:
            errors.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def tick_until_idle(limit: int = 7) -> None:
    while seconds_until_due() == 0:
        tick_once(limit=limit)


def test_three_beats_share_the_work_and_each_occurrence_runs_once(define):
    schedules = [scheduled(define(), "0 0 1 1 *", due=minute()) for _ in range(60)]
    at_once(tick_until_idle, tick_until_idle, tick_until_idle)
    assert Occurrence.objects.count() == Execution.objects.count() == OccurrenceRun.objects.count() == 60
    assert set(Occurrence.objects.values_list("schedule_id", flat=True)) == {schedule.pk for schedule in schedules}


def test_beats_that_all_see_the_same_instant_again_run_it_once(define):
    """As if the rows had not been advanced: the ledger alone must hold."""
    definition = define()
    schedule = scheduled(definition, "0 0 1 1 *", due=minute())

    def again():
        for _ in range(10):
            Schedule.objects.filter(pk=schedule.pk).update(next_due_at=minute())
            tick_once()

    at_once(again, again, again)
    assert Occurrence.objects.count() == 1 and Execution.objects.count() == 1


def test_a_stock_beats_message_and_our_own_tick_run_it_once(define):
    schedules = [scheduled(define(), "0 0 1 1 *", due=minute()) for _ in range(20)]
    at_once(tick_until_idle, lambda: [occurrence_due(schedule.pk) for schedule in schedules])
    assert Occurrence.objects.count() == Execution.objects.count() == 20


def test_two_beats_bring_marked_schedules_up_to_date_without_running_them_twice(define):
    for _ in range(30):
        scheduled(define(), "0 9 * * *")
    CrontabSchedule.objects.update(minute="*", hour="*")
    Schedule.objects.update(stale_at=minute(ago=1) + timedelta(seconds=30))
    at_once(tick_until_idle, tick_until_idle)
    assert Occurrence.objects.filter(outcome="run").count() == 30
    assert not Schedule.objects.filter(stale_at__isnull=False).exists()


def test_edits_everywhere_at_once_block_nobody_and_leave_one_truth(define):
    definitions = [define() for _ in range(6)]
    for definition in definitions:
        scheduled(definition, "0 9 * * *")
    done = threading.Event()

    def beat():
        while not done.is_set():
            for schedule in Schedule.objects.order_by("pk"):
                Schedule.objects.filter(pk=schedule.pk, next_due_at__isnull=False).update(next_due_at=minute())
            tick_once(limit=3)

    def in_beats_admin():
        for n in range(25):
            crontab = CrontabSchedule.objects.order_by("?").first()
            if crontab:
                CrontabSchedule.objects.filter(pk=crontab.pk).update(minute=str(n))
            PeriodicTask.objects.filter(pk=PeriodicTask.objects.order_by("?").first().pk).update(enabled=bool(n % 3))
            IntervalSchedule.objects.update(every=n + 1)

    def in_ours():
        setting = once_more(scheduling.set_schedule)
        for n in range(25):
            definition = definitions[n % len(definitions)]
            setting(definition, text="every 5 minutes" if n % 2 else f"{n} 9 * * *")
            once_more(control.pause)(definition)
            once_more(control.resume)(definition)

    def edits():
        try:
            at_once(in_beats_admin, in_ours)
        finally:
            done.set()

    at_once(beat, beat, edits)
    tick_until_idle(limit=100)
    assert Schedule.objects.count() == PeriodicTask.objects.count() == len(definitions)
    assert not Schedule.objects.filter(stale_at__isnull=False).exists()
    for schedule in Schedule.objects.select_related("periodic_task"):
        assert schedule.enabled == schedule.periodic_task.enabled
        assert (schedule.next_due_at is not None) == schedule.enabled and schedule.error == ""
