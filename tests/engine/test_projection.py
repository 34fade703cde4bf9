"""Edits made in django-celery-beat's tables, by whatever means, are noticed and read by the next tick."""

from datetime import UTC, timedelta

import pytest
from django.db import connection
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from tasks_app.engine.clock import database_now
from tasks_app.engine.tick import seconds_until_due, tick_once
from tasks_app.models import Occurrence, Schedule
from tests.timetable import ledger, minute, scheduled

pytestmark = pytest.mark.django_db(transaction=True)


def now():
    return database_now().astimezone(UTC)


def sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def after_tick(schedule):
    tick_once()
    schedule.refresh_from_db()
    return schedule


def by_save(row, **fields):
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


def by_bulk(row, **fields):
    type(row).objects.filter(pk=row.pk).update(**fields)


def by_sql(row, **fields):
    pairs = ", ".join(f"{name} = '{value}'" for name, value in fields.items())
    sql(f"UPDATE {row._meta.db_table} SET {pairs} WHERE id = {row.pk}")


ways = pytest.mark.parametrize("edit", [by_save, by_bulk, by_sql])


@ways
def test_an_edited_crontab_gives_our_answer_to_it(define, edit):
    schedule = scheduled(define(), "0 9 * * *")
    edit(CrontabSchedule.objects.get(), day_of_month="13", day_of_week="5")
    assert seconds_until_due() == 0
    after_tick(schedule)
    assert schedule.text == "0 9 13 * 5" and schedule.stale_at is None
    # Vixie: on the 13th and on every Friday, where Celery would mean Fridays the 13th.
    assert schedule.next_due_at - now() <= timedelta(days=7)
    assert schedule.next_due_at.weekday() == 4 or schedule.next_due_at.day == 13


@ways
def test_switching_a_periodic_task_off_and_on_is_followed(define, edit):
    schedule = scheduled(define())
    task = PeriodicTask.objects.get()
    edit(task, enabled=False)
    assert after_tick(schedule).next_due_at is None and not schedule.enabled
    task.refresh_from_db()
    edit(task, enabled=True)
    assert after_tick(schedule).next_due_at == minute(ago=-1) and schedule.enabled
    assert not Occurrence.objects.exists()


def test_another_kind_of_schedule_is_taken_over(define):
    schedule = scheduled(define(), "0 9 * * *")
    every = IntervalSchedule.objects.create(every=15, period="minutes")
    PeriodicTask.objects.update(crontab=None, interval=every)
    after_tick(schedule)
    assert schedule.text == "every 15 minutes"
    assert timedelta(0) < schedule.next_due_at - now() <= timedelta(minutes=15)


def test_start_and_end_set_in_beat_are_followed_and_the_text_stays(define):
    schedule = scheduled(define(), "15 0 9 * * *")
    start = now().replace(microsecond=0) + timedelta(days=30)
    PeriodicTask.objects.update(start_time=start, expires=start + timedelta(days=30))
    after_tick(schedule)
    assert schedule.text == "15 0 9 * * *"
    assert (schedule.start_at, schedule.end_at) == (start, start + timedelta(days=30))
    assert schedule.next_due_at >= start and schedule.next_due_at.second == 15


def test_what_beat_writes_while_running_marks_nothing(define):
    scheduled(define())
    PeriodicTask.objects.update(last_run_at=now(), total_run_count=7, description="seen")
    PeriodicTask.objects.get().save()
    CrontabSchedule.objects.get().save()
    assert not Schedule.objects.filter(stale_at__isnull=False).exists()


def test_an_edit_that_changes_no_time_leaves_what_is_due(define):
    schedule = scheduled(define(), due=minute())
    PeriodicTask.objects.update(one_off=True)
    PeriodicTask.objects.update(one_off=False)
    tick_once()
    assert ledger(schedule) == [("run", minute(), 1)]


def test_what_had_passed_before_an_edit_is_recorded_and_the_new_rule_counts_from_the_edit(define):
    schedule = scheduled(define(), due=minute(ago=10), misfire_seconds=59)
    CrontabSchedule.objects.update(hour="*", minute="*/2")
    Schedule.objects.update(stale_at=minute(ago=5) + timedelta(seconds=1))
    tick_once()
    first, *rest = ledger(schedule)
    assert first == ("missed", minute(ago=10), 6)
    assert rest and all(due > minute(ago=5) and due.minute % 2 == 0 for _, due, _ in rest)


def test_a_schedule_marked_by_an_edit_is_not_run_by_its_old_rule(define):
    schedule = scheduled(define(), due=minute())
    PeriodicTask.objects.update(enabled=False)
    tick_once()
    assert [outcome for outcome, _, _ in ledger(schedule)] == ["missed"]


def test_a_crontab_beat_accepts_and_we_cannot_read_is_reported_and_stops(define):
    schedule = scheduled(define(), "0 9 * * *")
    CrontabSchedule.objects.update(hour="25")
    after_tick(schedule)
    assert schedule.next_due_at is None and "hour" in schedule.error
    CrontabSchedule.objects.update(hour="7")
    assert after_tick(schedule).next_due_at.hour == 7 and schedule.error == ""


def test_saving_the_text_again_mends_what_an_edit_in_beat_had_broken(define):
    definition = define()
    schedule = scheduled(definition, "0 9 * * *")
    CrontabSchedule.objects.update(hour="25")
    assert after_tick(schedule).error
    mended = scheduled(definition, "0 9 * * *")
    assert mended.next_due_at.hour == 9 and mended.error == ""
    assert CrontabSchedule.objects.get().hour == "9"


@pytest.mark.parametrize(
    "delete", [lambda: PeriodicTask.objects.get().delete(), lambda: sql("DELETE FROM django_celery_beat_periodictask")]
)
def test_deleting_the_periodic_task_stops_the_schedule_and_says_why(define, delete):
    definition = define()
    schedule = scheduled(definition)
    delete()
    after_tick(schedule)
    assert schedule.next_due_at is None and not schedule.enabled and "deleted" in schedule.error
    again = scheduled(definition)
    assert again.pk == schedule.pk and again.next_due_at is not None and again.error == ""
    assert PeriodicTask.objects.get().pk == again.periodic_task_id


def test_a_marked_schedule_that_is_not_read_yet_does_not_run_by_its_old_rule(define, monkeypatch):
    from tasks_app.engine import rederive

    monkeypatch.setattr(rederive, "A_BATCH", 1)
    pair = [scheduled(define(), due=minute()) for _ in range(2)]
    PeriodicTask.objects.update(enabled=False)
    tick_once()
    tick_once()
    assert [outcome for schedule in pair for outcome, _, _ in ledger(schedule)] == ["missed", "missed"]


def test_a_bulk_edit_of_many_is_worked_off_in_batches(define, monkeypatch):
    from tasks_app.engine import rederive

    monkeypatch.setattr(rederive, "A_BATCH", 4)
    schedules = [scheduled(define(), "0 9 * * *") for _ in range(10)]
    CrontabSchedule.objects.update(hour="10")
    ticks = 0
    while seconds_until_due() == 0:
        assert tick_once() <= 4
        ticks += 1
    assert ticks == 3
    assert {Schedule.objects.get(pk=s.pk).next_due_at.hour for s in schedules} == {10}


def hand_made(**fields):
    fields.setdefault(
        "crontab", None if {"interval", "clocked", "solar"} & set(fields) else CrontabSchedule.objects.create()
    )
    return PeriodicTask.objects.create(name=f"by hand {PeriodicTask.objects.count()}", task="tests.plain", **fields)


def of(task):
    return Schedule.objects.get(periodic_task=task)


def test_a_hand_made_periodic_task_gets_a_schedule(db):
    task = hand_made(crontab=CrontabSchedule.objects.create(minute="30", hour="9", timezone="Europe/Berlin"))
    tick_once()
    schedule = of(task)
    assert (schedule.definition_id, schedule.text, schedule.timezone) == (None, "30 9 * * *", "Europe/Berlin")
    assert schedule.next_due_at > now()


def test_hand_made_rows_that_share_a_crontab_all_follow_its_edit(db):
    shared = CrontabSchedule.objects.create(minute="0", hour="9")
    tasks = [hand_made(crontab=shared) for _ in range(3)]
    tick_once()
    CrontabSchedule.objects.update(hour="11")
    tick_once()
    assert {of(task).text for task in tasks} == {"0 11 * * *"}


def test_hand_made_rows_inserted_by_bulk_and_sql_are_noticed(db):
    crontab = CrontabSchedule.objects.create()
    PeriodicTask.objects.bulk_create(
        [PeriodicTask(name=f"bulk {n}", task="tests.plain", crontab=crontab) for n in range(3)]
    )
    sql(
        "INSERT INTO django_celery_beat_periodictask (name, task, args, kwargs, headers, enabled, one_off, "
        "total_run_count, date_changed, description, crontab_id) "
        f"VALUES ('sql', 'x', '[]', '{{}}', '{{}}', true, false, 0, now(), '', {crontab.pk})"
    )
    tick_once()
    assert Schedule.objects.filter(definition=None, next_due_at=minute(ago=-1)).count() == 4


def test_a_hand_made_interval_counts_from_its_creation_and_keeps_its_anchor(db):
    task = hand_made(interval=IntervalSchedule.objects.create(every=1, period="hours"))
    created = task.date_changed
    tick_once()
    schedule = of(task)
    assert schedule.anchor == created
    task.description = "touched"
    task.save()
    IntervalSchedule.objects.update(every=2)
    after_tick(schedule)
    assert (schedule.text, schedule.anchor) == ("every 2 hours", created)
    assert schedule.next_due_at == created + timedelta(hours=2)


def test_a_hand_made_single_date_and_a_start_time_are_respected(db):
    at = now().replace(microsecond=0) + timedelta(days=1)
    once = hand_made(clocked=ClockedSchedule.objects.create(clocked_time=at), one_off=True)
    later = hand_made(interval=IntervalSchedule.objects.create(every=1, period="hours"), start_time=at)
    tick_once()
    assert of(once).next_due_at == at
    assert of(later).next_due_at == at


@pytest.mark.parametrize(
    "fields",
    [
        lambda: {"interval": IntervalSchedule.objects.create(every=250_000, period="microseconds")},
        lambda: {"solar": SolarSchedule.objects.create(event="sunrise", latitude=48, longitude=16)},
    ],
)
def test_a_hand_made_schedule_we_cannot_follow_says_so(db, fields):
    task = hand_made(**fields())
    tick_once()
    assert of(task).next_due_at is None and of(task).error


def test_a_deleted_hand_made_row_takes_its_schedule_with_it(db):
    task = hand_made()
    tick_once()
    task.delete()
    tick_once()
    assert not Schedule.objects.exists()


def test_a_copy_of_our_projection_made_by_hand_is_left_alone(define):
    scheduled(define())
    copy = PeriodicTask.objects.get()
    copy.pk, copy.name = None, "a copy"
    copy.save(force_insert=True)
    assert Schedule.objects.count() == 1
