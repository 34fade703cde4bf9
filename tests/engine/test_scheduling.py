"""A task's schedule set, changed, removed, suspended and resumed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from tasks_app.domain.refusals import Refused
from tasks_app.engine import control, scheduling, timing
from tasks_app.engine.clock import database_now
from tasks_app.engine.schedule_wish import Wish
from tasks_app.engine.tick import tick_once
from tasks_app.models import Occurrence, Schedule, TaskDefinition
from tests.timetable import ledger, minute, scheduled

pytestmark = pytest.mark.django_db(transaction=True)


def now():
    return database_now().astimezone(UTC)


def projected(schedule):
    return PeriodicTask.objects.select_related("crontab", "interval", "clocked").get(pk=schedule.periodic_task_id)


def refusal(define, **fields):
    definition = define()
    with pytest.raises(Refused) as refused:
        scheduling.set_schedule(definition, **fields)
    assert not Schedule.objects.exists() and not PeriodicTask.objects.exists()
    return refused.value.fields


def test_a_cron_schedule_is_due_at_its_next_instant_in_its_zone(define):
    schedule = scheduled(define(), "30 9 * * MON-FRI", timezone="Europe/Berlin")
    local = schedule.next_due_at.astimezone(ZoneInfo("Europe/Berlin"))
    assert (local.hour, local.minute) == (9, 30) and local.weekday() < 5 and schedule.next_due_at > now()


def test_an_interval_counts_from_when_it_was_set(define):
    before = now()
    schedule = scheduled(define(), "every 2 hours")
    assert before - timedelta(seconds=1) <= schedule.anchor <= now()
    assert schedule.next_due_at == schedule.anchor + timedelta(hours=2)


def test_an_interval_with_a_start_is_first_due_at_the_start(define):
    start = now().replace(microsecond=0) + timedelta(days=2)
    schedule = scheduled(define(), "every 2 hours", start_at=start)
    assert schedule.next_due_at == start


def test_real_time_is_the_smallest_interval_the_operator_allows(define, settings):
    settings.TASKFLEET = replace(settings.TASKFLEET, minimum_interval=timedelta(seconds=20))
    timing.spec_of.cache_clear()
    schedule = scheduled(define(), "Real-time", due=minute())
    tick_once()
    schedule.refresh_from_db()
    timing.spec_of.cache_clear()
    assert (schedule.next_due_at - minute()).total_seconds() % 20 == 0
    assert projected(schedule).interval.every == 20


def test_policies_not_given_are_the_operators(define):
    schedule = scheduled(define())
    assert (schedule.misfire_seconds, schedule.grace_seconds, schedule.catch_up, schedule.overlap) == (
        60,
        120,
        "latest",
        "queue",
    )


def test_each_schedule_has_a_periodic_task_and_a_crontab_of_its_own(define):
    first, second = scheduled(define(), "0 9 * * *"), scheduled(define(), "0 9 * * *")
    tasks = [projected(first), projected(second)]
    assert tasks[0].crontab_id != tasks[1].crontab_id
    assert {task.task for task in tasks} == {"taskfleet.occurrence"}
    assert json.loads(tasks[0].args) == [{"v": 1, "schedule": str(first.pk)}]
    assert (tasks[0].crontab.hour, tasks[0].crontab.minute, tasks[0].enabled) == ("9", "0", True)


def test_intervals_and_single_dates_are_projected_as_such(define):
    at = now().replace(microsecond=0) + timedelta(days=1)
    every = projected(scheduled(define(), "every 90 minutes"))
    once = projected(scheduled(define(), at.isoformat()))
    assert (every.interval.every, every.interval.period) == (90, "minutes")
    assert once.clocked.clocked_time == at and once.one_off


def test_what_we_project_ourselves_is_not_noticed_as_an_edit(define):
    definition = define()
    for text in ("0 9 * * *", "every 5 minutes", "0 10 * * *", "0 11 * * *"):
        scheduled(definition, text)
        assert not Schedule.objects.filter(stale_at__isnull=False).exists()
    assert Schedule.objects.count() == PeriodicTask.objects.count() == 1


def test_an_edit_keeps_the_periodic_task_and_leaves_no_rows_behind(define):
    definition = define()
    first = scheduled(definition, "0 9 * * *")
    second = scheduled(definition, "every 5 minutes")
    third = scheduled(definition, "every 10 minutes")
    assert first.pk == second.pk == third.pk and first.periodic_task_id == third.periodic_task_id
    assert projected(third).interval.every == 10 and projected(third).crontab_id is None
    assert (CrontabSchedule.objects.count(), IntervalSchedule.objects.count()) == (0, 1)


def test_beats_own_scheduler_is_told_to_reread(define):
    scheduled(define())
    before = PeriodicTasks.last_change()
    scheduled(define())
    assert PeriodicTasks.last_change() > before


@pytest.mark.parametrize("text", [None, "manual", ""])
def test_a_manual_schedule_removes_what_was_there_with_its_rows_in_beat(define, text):
    definition = define()
    scheduled(definition, "0 9 * * *")
    assert scheduling.set_schedule(definition, text=text) is None
    for model in (Schedule, PeriodicTask, CrontabSchedule):
        assert not model.objects.exists()
    assert scheduling.set_schedule(definition, text=text) is None


def test_a_deleted_task_takes_its_rows_in_beat_with_it(define):
    definition = define()
    scheduled(definition, (now() + timedelta(days=1)).isoformat())
    TaskDefinition.objects.filter(pk=definition.pk).update(current_version=None)
    TaskDefinition.objects.get(pk=definition.pk).delete()
    assert not PeriodicTask.objects.exists() and not ClockedSchedule.objects.exists()


def test_saving_the_same_schedule_again_puts_nothing_off(define):
    definition = define()
    first = scheduled(definition, "every 2 hours")
    Schedule.objects.update(next_due_at=minute(), anchor=minute(ago=60))
    again = scheduled(definition, "every 2 hours", overlap="skip")
    assert again.next_due_at == minute() and again.anchor == minute(ago=60)
    assert (again.pk, again.overlap) == (first.pk, "skip")


def test_what_was_due_before_an_edit_and_did_not_run_is_recorded(define):
    definition = define()
    schedule = scheduled(definition, due=minute(ago=5))
    scheduled(definition, "0 9 * * *")
    assert ledger(schedule) == [("missed", minute(ago=5), 6)]
    assert Occurrence.objects.get().reason == "not run before its schedule was changed"


def test_pausing_makes_nothing_due_and_resuming_counts_from_now(define):
    definition = define()
    schedule = scheduled(definition)
    control.pause(definition)
    schedule.refresh_from_db()
    assert schedule.next_due_at is None and schedule.enabled and not projected(schedule).enabled
    tick_once()
    control.resume(definition)
    tick_once()
    schedule.refresh_from_db()
    assert schedule.next_due_at == minute(ago=-1) and projected(schedule).enabled
    assert not Occurrence.objects.exists()


def test_pausing_after_an_outage_records_what_had_passed(define):
    definition = define()
    schedule = scheduled(definition, due=minute(ago=5))
    control.pause(definition)
    assert ledger(schedule) == [("missed", minute(ago=5), 6)]


def test_a_paused_task_may_be_given_a_schedule_which_waits_for_its_resumption(define):
    definition = define()
    control.pause(definition)
    schedule = scheduled(definition, "0 9 * * *")
    assert schedule.next_due_at is None and not projected(schedule).enabled
    schedule = scheduled(definition, "0 10 * * *")
    assert schedule.next_due_at is None and not projected(schedule).enabled
    control.resume(definition)
    schedule.refresh_from_db()
    assert schedule.next_due_at.hour == 10 and projected(schedule).enabled


def test_a_schedule_that_is_off_stays_off_through_pause_and_resume(define):
    definition = define()
    schedule = scheduled(definition, enabled=False)
    assert schedule.next_due_at is None and not projected(schedule).enabled
    control.pause(definition)
    control.resume(definition)
    tick_once()
    schedule.refresh_from_db()
    assert schedule.next_due_at is None and not schedule.enabled


def test_an_edit_made_in_beats_tables_just_before_a_pause_is_not_lost(define):
    definition = define()
    schedule = scheduled(definition, "0 9 * * *")
    CrontabSchedule.objects.update(hour="10")
    control.pause(definition)
    tick_once()
    control.resume(definition)
    schedule.refresh_from_db()
    assert schedule.text == "0 10 * * *" and schedule.next_due_at.hour == 10


def test_a_text_nobody_understands_is_refused_with_position_and_suggestion(define):
    fields = refusal(define, text="every fortnight")
    assert "character" in fields["schedule"][0] and "try" in fields["schedule"][0]


def test_a_wrong_zone_is_refused_with_the_nearest(define):
    fields = refusal(define, text="0 9 * * *", timezone="Europe/Berlinn")
    assert "Europe/Berlin" in fields["schedule.timezone"][0]


@pytest.mark.parametrize(
    ("field", "value"), [("catch_up", "sometimes"), ("overlap", "explode"), ("start_at", datetime(2030, 1, 1))]
)
def test_wrong_policies_and_naive_instants_are_refused(define, field, value):
    assert f"schedule.{field}" in refusal(define, text="0 9 * * *", **{field: value})


def test_what_is_never_due_is_refused(define):
    past = now() - timedelta(days=1)
    assert "never due" in refusal(define, text=past.isoformat())["schedule"][0]
    assert "schedule.end_at" in refusal(define, text="0 9 * * *", start_at=now(), end_at=past)
    assert "never due" in refusal(define, text="0 9 * * *", end_at=past)["schedule"][0]


def test_paths_of_many_name_the_task(define):
    with pytest.raises(Refused) as refused:
        Wish(definition_id=define().pk, text="nonsense", at="tasks.3")
    assert list(refused.value.fields) == ["tasks.3.schedule"]


def test_many_new_schedules_cost_as_many_statements_as_a_few(define):
    few, many = [define() for _ in range(2)], [define() for _ in range(40)]
    texts = ["0 9 * * *", "every 5 minutes"]

    def wishes(definitions):
        return [Wish(definition_id=d.pk, text=texts[n % 2]) for n, d in enumerate(definitions)]

    with CaptureQueriesContext(connection) as small:
        scheduling.set_schedules(wishes(few))
    with CaptureQueriesContext(connection) as large:
        made = scheduling.set_schedules(wishes(many))
    assert len(large) <= len(small)
    assert [schedule.definition_id for schedule in made] == [definition.pk for definition in many]
    assert PeriodicTask.objects.count() == 42


def test_a_task_that_is_gone_cannot_be_scheduled(define):
    definition = define()
    definition.pk = uuid4()
    with pytest.raises(Refused):
        scheduling.set_schedule(definition, text="0 9 * * *")
