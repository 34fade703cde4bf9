"""What a tick makes of due schedules: executions, gaps, and the next instant."""

import threading
from datetime import UTC, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tasks_app.engine import control
from tasks_app.engine.clock import database_now
from tasks_app.engine.tick import occurrence_due, seconds_until_due, tick_once
from tasks_app.models import Execution, Occurrence, OccurrenceRun, Schedule, TaskDefinition, Transition
from tests.river import drain
from tests.timetable import executions, ledger, minute, scheduled

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _away_from_the_turn_of_a_minute():
    """Counting minutes is only exact within one."""
    while database_now().second + database_now().microsecond / 1e6 > 58:
        pass


def test_a_due_schedule_becomes_one_execution_and_is_due_again_at_its_next_instant(define):
    definition = define()
    schedule = scheduled(definition, due=minute())
    assert tick_once() == 1
    assert executions(definition) == [("pending", "schedule", minute())]
    schedule.refresh_from_db()
    assert schedule.next_due_at == minute() + timedelta(minutes=1)
    assert schedule.last_due_at == minute()
    execution = Execution.objects.get()
    run = OccurrenceRun.objects.get(execution_id=execution.pk)
    assert (run.occurrence_id, run.cause, run.generation) == (execution.occurrence_id, "schedule", 0)
    assert Transition.objects.get(execution_id=execution.pk).actor == "beat"
    assert tick_once() == 0


def test_a_scheduled_execution_runs_to_its_end(define):
    definition = define()
    scheduled(definition, due=minute())
    tick_once()
    drain()
    assert executions(definition) == [("completed", "schedule", minute())]


def test_nothing_due_costs_one_look(define):
    scheduled(define())
    tick_once()
    with CaptureQueriesContext(connection) as statements:
        assert tick_once() == 0
    assert len(statements) == 1
    assert 0 < seconds_until_due() <= 60


def test_without_schedules_nothing_is_ever_due(db):
    assert seconds_until_due() is None
    assert tick_once() == 0


def test_an_hour_of_outage_is_one_gap_and_one_run_of_what_is_due_now(define):
    definition = define()
    schedule = scheduled(definition, due=minute(ago=60), misfire_seconds=59)
    tick_once()
    assert ledger(schedule) == [("missed", minute(ago=60), 60), ("run", minute(), 1)]
    assert executions(definition) == [("missed", "schedule", minute(ago=60)), ("pending", "schedule", minute())]
    gap = Occurrence.objects.get(outcome="missed")
    assert (gap.last_due_at, gap.reason) == (minute(ago=1), "scheduler down")


def test_latest_catches_up_the_newest_instant_when_nothing_newer_is_due(define):
    definition = define()
    now = database_now().astimezone(UTC).replace(microsecond=0)
    schedule = scheduled(definition, "every 2 hours", due=now - timedelta(hours=5), catch_up="latest")
    tick_once()
    assert ledger(schedule) == [
        ("missed", now - timedelta(hours=5), 2),
        ("caught_up", now - timedelta(hours=1), 1),
    ]
    assert [row[:2] for row in executions(definition)] == [("missed", "schedule"), ("pending", "catch_up")]


def test_none_records_what_passed_and_runs_nothing_of_it(define):
    definition = define()
    now = database_now().astimezone(UTC).replace(microsecond=0)
    schedule = scheduled(definition, "every 2 hours", due=now - timedelta(hours=5), catch_up="none")
    tick_once()
    assert ledger(schedule) == [("missed", now - timedelta(hours=5), 3)]
    assert [row[0] for row in executions(definition)] == ["missed"]
    schedule.refresh_from_db()
    assert schedule.next_due_at == now + timedelta(hours=1)


def test_all_runs_every_instant_up_to_its_limit(define):
    definition = define()
    schedule = scheduled(definition, due=minute(ago=30), catch_up="all", misfire_seconds=59)
    Schedule.objects.update(catch_up_limit=10)
    tick_once()
    assert ledger(schedule)[0] == ("missed", minute(ago=30), 20)
    assert [outcome for outcome, _, _ in ledger(schedule)[1:]] == ["caught_up"] * 10 + ["run"]
    assert Execution.objects.filter(state="pending").count() == 11


def test_a_year_of_outage_is_one_row(define):
    schedule = scheduled(define(), due=minute() - timedelta(days=365), misfire_seconds=59)
    tick_once()
    assert ledger(schedule)[0] == ("missed", minute() - timedelta(days=365), 365 * 24 * 60)
    assert Occurrence.objects.count() == 2


def test_an_occurrence_in_the_ledger_is_never_run_again(define):
    definition = define()
    schedule = scheduled(definition, due=minute())
    tick_once()
    Schedule.objects.update(next_due_at=minute())
    tick_once()
    assert len(executions(definition)) == 1
    schedule.refresh_from_db()
    assert schedule.next_due_at > minute()


def test_a_late_run_is_flagged(define):
    now = database_now().replace(microsecond=0)
    scheduled(define(), "every 2 hours", due=now - timedelta(minutes=5), grace_seconds=120)
    tick_once()
    assert Occurrence.objects.get(outcome="caught_up").late


def test_skip_leaves_out_an_occurrence_while_the_last_one_has_not_ended(define):
    definition = define()
    schedule = scheduled(definition, due=minute(), overlap="skip", misfire_seconds=3600)
    tick_once()
    Occurrence.objects.all().delete()
    Schedule.objects.update(next_due_at=minute(ago=1))
    tick_once()
    assert ledger(schedule) == [("missed", minute(ago=1), 2)]
    assert Occurrence.objects.get().reason == "overlap"
    assert [state for state, _, _ in executions(definition)] == ["missed", "pending"]
    drain()
    Schedule.objects.update(next_due_at=minute(ago=3))
    Occurrence.objects.all().delete()
    tick_once()
    assert [state for state, _, _ in executions(definition)].count("pending") == 1


@pytest.mark.parametrize("overlap", ["queue", "allow"])
def test_queue_and_allow_leave_nothing_out(define, overlap):
    definition = define()
    scheduled(definition, due=minute(), overlap=overlap)
    tick_once()
    Schedule.objects.update(next_due_at=minute(ago=1), misfire_seconds=3600)
    tick_once()
    assert [row[0] for row in executions(definition)] == ["pending", "pending"]


def test_a_scheduled_run_waits_for_upstreams_that_have_not_ended_as_asked(define):
    upstream = define()
    gated = define(after=[upstream])
    scheduled(gated, due=minute())
    tick_once()
    assert executions(gated) == [("blocked", "schedule", minute())]


def test_a_paused_task_is_not_due_and_misses_nothing(define):
    definition = define()
    schedule = scheduled(definition, due=minute(ago=-1))
    control.pause(definition)
    Schedule.objects.filter(next_due_at__isnull=False).update(next_due_at=minute(ago=60))
    tick_once()
    assert ledger(schedule) == [] and executions(definition) == []
    control.resume(definition)
    tick_once()
    schedule.refresh_from_db()
    assert ledger(schedule) == [] and minute() < schedule.next_due_at <= minute() + timedelta(minutes=1)


def test_a_task_whose_status_was_changed_behind_the_verbs_back_does_not_run(define):
    definition = define()
    schedule = scheduled(definition, due=minute())
    TaskDefinition.objects.filter(pk=definition.pk).update(status="paused")
    tick_once()
    schedule.refresh_from_db()
    assert schedule.next_due_at is None and executions(definition) == []


def test_one_schedule_that_cannot_be_worked_out_does_not_stop_the_others(define):
    broken, sound = define(), define()
    bad = scheduled(broken, due=minute())
    scheduled(sound, due=minute())
    Schedule.objects.filter(pk=bad.pk).update(text="each full moon")
    tick_once()
    assert len(executions(sound)) == 1 and executions(broken) == []
    bad.refresh_from_db()
    assert bad.next_due_at is None and "not a word of a schedule" in bad.error


def test_a_single_date_is_due_once(define):
    definition = define()
    moment = database_now().replace(microsecond=0) + timedelta(hours=1)
    schedule = scheduled(definition, moment.isoformat())
    assert schedule.next_due_at == moment
    Schedule.objects.update(next_due_at=minute(), text=minute().isoformat())
    tick_once()
    schedule.refresh_from_db()
    assert len(executions(definition)) == 1
    assert schedule.next_due_at is None and not schedule.enabled


def test_nothing_is_due_after_the_end(define):
    definition = define()
    schedule = scheduled(definition, due=minute(ago=10), end_at=minute() + timedelta(minutes=1), misfire_seconds=59)
    Schedule.objects.update(end_at=minute(ago=5))
    tick_once()
    schedule.refresh_from_db()
    assert ledger(schedule) == [("missed", minute(ago=10), 5), ("caught_up", minute(ago=5), 1)]
    assert schedule.next_due_at is None


def test_a_limit_bounds_a_tick_and_the_earliest_come_first(define):
    late, early = define(), define()
    scheduled(late, due=minute())
    scheduled(early, due=minute(ago=1))
    assert tick_once(limit=1) == 1
    assert executions(early) and not executions(late)
    assert seconds_until_due() == 0


def test_a_burst_of_instants_within_a_wide_misfire_window_is_bounded(define):
    definition = define()
    now = database_now().replace(microsecond=0)
    scheduled(definition, "every second", due=now - timedelta(hours=2), misfire_seconds=7200)
    tick_once()
    assert 1000 <= Execution.objects.filter(state="pending").count() <= 1002
    assert Occurrence.objects.get(outcome="missed").count > 6000


def test_a_thousand_due_schedules_cost_as_many_statements_as_one(define):
    definition = define()
    with CaptureQueriesContext(connection) as alone:
        scheduled(definition, due=minute())
        tick_once()
    many = [define() for _ in range(30)]
    for one in many:
        scheduled(one, due=minute())
    with CaptureQueriesContext(connection) as together:
        assert tick_once() == 30
    assert len(together) <= len(alone)
    assert Execution.objects.count() == 31


def test_a_projection_sent_by_beats_own_scheduler_ticks_just_its_schedule(define):
    mine, other = define(), define()
    schedule = scheduled(mine, due=minute())
    scheduled(other, due=minute())
    assert occurrence_due(schedule.pk) == 1
    assert occurrence_due(schedule.pk) == 0
    assert len(executions(mine)) == 1 and executions(other) == []
    assert occurrence_due(987654321) == 0


def test_a_projection_sent_a_moment_early_is_taken_for_the_instant_it_means(define):
    definition = define()
    soon = database_now() + timedelta(milliseconds=600)
    schedule = scheduled(definition, "every 2 hours", due=soon)
    assert occurrence_due(schedule.pk) == 1
    assert executions(definition) == [("pending", "schedule", soon)]
    far = scheduled(define(), "every 2 hours", due=database_now() + timedelta(seconds=5))
    assert occurrence_due(far.pk) == 0


def test_a_schedule_locked_by_another_beat_is_passed_over(define):
    definition = define()
    schedule = scheduled(definition, due=minute())
    locked, release = threading.Event(), threading.Event()

    def other_beat():
        with transaction.atomic():
            Schedule.objects.select_for_update().get(pk=schedule.pk)
            locked.set()
            release.wait(10)
        connection.close()

    thread = threading.Thread(target=other_beat)
    thread.start()
    locked.wait(10)
    assert tick_once() == 0 and executions(definition) == []
    release.set()
    thread.join()
    assert tick_once() == 1
