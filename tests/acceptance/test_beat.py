"""Real beats beside real workers: what is due runs once, whoever ticks, dies, or edits."""

import signal
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_results.models import TaskResult

from tasks_app.engine import control, trigger
from tasks_app.engine.clock import database_now
from tasks_app.models import Execution, LoopLease, Occurrence, Schedule
from tests.fleet import until
from tests.timetable import scheduled

pytestmark = pytest.mark.acceptance
STOCK = ["celery", "-A", "config", "beat", "-S", "django_celery_beat.schedulers:DatabaseScheduler", "--pidfile="]


def completed(definition):
    return Execution.objects.filter(definition=definition, state="completed").count()


def ticking(beat):
    """Whether the beat has come as far as its loops."""
    return LoopLease.objects.filter(name="dispatch", ran_at__isnull=False).exists() and beat.popen.poll() is None


def instants(schedule):
    """Every instant the ledger speaks of, gaps unrolled, counted."""
    step = timedelta(seconds=schedule.step)
    found = Counter()
    for row in Occurrence.objects.filter(schedule_id=schedule.pk):
        found.update(row.due_at + n * step for n in range(row.count))
    return found


def every(seconds, definition, **fields):
    schedule = scheduled(definition, f"PT{seconds}S", **fields)
    schedule.step = seconds
    return schedule


def assert_each_instant_once(schedule, found):
    first, last = min(found), max(found)
    expected = round((last - first).total_seconds() / schedule.step) + 1
    assert set(found.values()) == {1} and len(found) == expected, found


def test_a_schedule_runs_on_a_worker(fleet, define):
    fleet.worker()
    fleet.beat()
    definition = define()
    schedule = every(1, definition)
    until(lambda: completed(definition) >= 3)
    assert set(instants(schedule).values()) == {1}
    assert set(Execution.objects.filter(definition=definition).values_list("cause", flat=True)) == {"schedule"}


def test_beats_own_scheduler_in_its_place_still_produces_the_execution(fleet, define):
    definition = define()
    schedule = scheduled(definition, "* * * * *")
    fleet.worker()
    fleet.start("stock-beat", *STOCK)
    until(lambda: completed(definition) == 1, seconds=90)
    assert Execution.objects.get(definition=definition).due_at == schedule.next_due_at
    assert Occurrence.objects.get(schedule_id=schedule.pk).outcome == "run"


def test_a_dead_beats_work_is_taken_over_within_five_seconds(fleet, define):
    fleet.worker()
    first = fleet.beat("first")
    until(lambda: ticking(first))
    second = fleet.beat("second")
    schedules = [every(1, define()) for _ in range(3)]
    until(lambda: Occurrence.objects.filter(outcome="run").count() >= 12)
    holder = LoopLease.objects.get(name="sweep").holder
    assert f":{first.popen.pid}:" in holder
    first.kill_tree()
    until(lambda: f":{second.popen.pid}:" in LoopLease.objects.get(name="sweep").holder, seconds=5)
    until(
        lambda: LoopLease.objects.get(name="dispatch").holder == LoopLease.objects.get(name="sweep").holder, seconds=5
    )
    seen = Occurrence.objects.count()
    until(lambda: Occurrence.objects.count() >= seen + 9)
    for schedule in schedules:
        assert_each_instant_once(schedule, instants(schedule))
    assert not Occurrence.objects.filter(outcome="missed").exists()


@pytest.mark.parametrize("catch_up", ["none", "latest", "all"])
def test_an_outage_is_told_instant_by_instant(fleet, define, catch_up):
    """Every instant is in the ledger once; what it says about those of the outage is the policy."""
    beat = fleet.beat()
    schedule = every(2, define(), catch_up=catch_up, misfire_seconds=1.5)
    until(lambda: Occurrence.objects.count() >= 2)
    beat.kill_tree()
    down = database_now()
    until(lambda: database_now() - down > timedelta(seconds=9), what="four instants pass unseen")
    seen = Occurrence.objects.count()
    fleet.beat("again")
    until(lambda: Occurrence.objects.count() >= seen + 3)
    assert_each_instant_once(schedule, instants(schedule))
    outage = Occurrence.objects.filter(due_at__gt=down - timedelta(seconds=2), due_at__lt=down + timedelta(seconds=8))
    outcomes = Counter(outage.exclude(outcome="run").values_list("outcome", flat=True))
    if catch_up == "all":
        assert outcomes["caught_up"] >= 3 and not outcomes["missed"]
    else:
        assert outcomes["missed"] == 1
        gap = outage.get(outcome="missed")
        assert gap.count >= 3 and gap.reason == "scheduler down"
    missed = Execution.objects.filter(state="missed").count()
    assert missed == Occurrence.objects.filter(outcome="missed").count()


def test_sigterm_ends_a_beat_cleanly_and_hands_its_loops_on_at_once(fleet, define):
    first = fleet.beat("first")
    until(lambda: ticking(first))
    second = fleet.beat("second")
    every(1, define())
    until(lambda: Occurrence.objects.exists())
    assert first.stop(signal.SIGTERM, seconds=10) == 0
    until(lambda: f":{second.popen.pid}:" in LoopLease.objects.get(name="sweep").holder, seconds=2)
    assert second.stop(signal.SIGINT, seconds=10) == 0
    assert not Schedule.objects.filter(stale_at__isnull=False).exists()


def test_a_beat_survives_the_loss_of_its_database_connections(fleet, define):
    beat = fleet.beat()
    every(1, define())
    until(lambda: Occurrence.objects.exists())
    for _ in range(2):
        seen = Occurrence.objects.count()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        until(lambda n=seen: Occurrence.objects.count() >= n + 2)
    assert beat.popen.poll() is None
    until(lambda: LoopLease.objects.get(name="dispatch").ran_at > database_now() - timedelta(seconds=3), seconds=10)


@pytest.mark.parametrize("broker", ["redis://127.0.0.1:1/0"])
def test_without_a_broker_the_tick_goes_on(fleet, define, broker):
    fleet.beat(BROKER_URL=broker)
    definition = define()
    every(1, definition)
    until(lambda: Execution.objects.filter(definition=definition, state="pending").count() >= 3)


def test_an_edit_in_beats_tables_is_seen_within_five_seconds(fleet, define):
    definition = define()
    scheduled(definition, "0 0 1 1 *")
    beat = fleet.beat()
    until(lambda: ticking(beat))
    often = IntervalSchedule.objects.create(every=1, period="seconds")
    PeriodicTask.objects.filter(task="taskfleet.occurrence").update(crontab=None, interval=often)
    until(lambda: Execution.objects.filter(definition=definition).exists(), seconds=5)


def test_a_hand_made_periodic_task_runs_on_the_same_fleet(fleet):
    fleet.worker()
    fleet.beat()
    PeriodicTask.objects.create(
        name="by hand",
        task="celery.accumulate",
        args="[19, 23]",
        one_off=True,
        interval=IntervalSchedule.objects.create(every=1, period="seconds"),
    )
    result = until(lambda: TaskResult.objects.filter(periodic_task_name="by hand").first())
    until(lambda: TaskResult.objects.get(pk=result.pk).status == "SUCCESS")
    assert TaskResult.objects.get(pk=result.pk).result == "[19, 23]"
    until(lambda: not PeriodicTask.objects.get(name="by hand").enabled)
    assert Occurrence.objects.filter(definition_id=None).count() == 1


def test_a_retry_is_woken_by_beat(fleet, define):
    """The dispatch loop turns what waited for its time into work."""
    fleet.worker()
    fleet.beat()
    definition = define(config={"fail": "temporary", "failAttempts": 1}, initial_delay_ms=200)
    trigger.trigger(definition)
    until(lambda: completed(definition) == 1)


def test_a_paused_task_does_not_run_and_goes_on_when_resumed(fleet, define):
    fleet.worker()
    fleet.beat()
    definition = define()
    schedule = every(1, definition)
    until(lambda: completed(definition) >= 1)
    control.pause(definition)
    paused = Occurrence.objects.filter(schedule_id=schedule.pk).count()
    resumed_after = database_now() + timedelta(seconds=4)
    until(lambda: database_now() > resumed_after)
    assert Occurrence.objects.filter(schedule_id=schedule.pk).count() == paused
    before = completed(definition)
    control.resume(definition)
    until(lambda: completed(definition) > before + 1)
    assert not Occurrence.objects.filter(outcome="missed", schedule_id=schedule.pk, due_at__gt=resumed_after).exists()
