"""Slots, priorities, turns and the number of messages out."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import DataError, transaction

from executors.contract import Result
from tasks_app.domain.refusals import Refused
from tasks_app.engine import backpressure, batches, control, dispatch, slots, sweep, trigger, workflows
from tasks_app.engine.claim import Refusal, claim, claim_member
from tasks_app.engine.finish import Outcome, finish, finish_and_take
from tasks_app.engine.rows import execute, rows
from tasks_app.engine.visit import visit_members
from tasks_app.models import Execution, Slot, Transition
from tests.river import drain, seat

pytestmark = pytest.mark.django_db(transaction=True)


def limit(key, n):
    with transaction.atomic():
        slots.set_limit(key, n)


def unsent():
    execute("UPDATE fleet_execution SET sent_at = NULL, resend_at = NULL, sends = 0 WHERE state = 'pending'")


def out():
    return {row.id for row in rows("SELECT id FROM fleet_execution WHERE state = 'pending' AND sent_at IS NOT NULL")}


def test_a_definitions_limit_holds_and_its_end_lets_the_next_one_through(define):
    definition = define()
    limit(f"definition:{definition.pk}", 1)
    first, second = trigger.trigger(definition), trigger.trigger(definition)
    held = claim(first.pk, seat=seat())
    assert claim(second.pk, seat=seat()) is Refusal.SLOT_FULL
    second.refresh_from_db()
    assert second.waiting_slot == f"definition:{definition.pk}"
    finish(held, Outcome(result=Result("done")))
    second.refresh_from_db()
    assert second.waiting_slot is None
    drain()
    second.refresh_from_db()
    assert second.state == "completed"
    assert Slot.objects.get(pk=f"definition:{definition.pk}").used == 0


def test_the_sweep_rebuilds_counters_that_a_dead_process_left_behind(define):
    definition = define()
    limit(f"definition:{definition.pk}", 1)
    Slot.objects.filter(pk=f"definition:{definition.pk}").update(used=1)
    execution = trigger.trigger(definition)
    assert claim(execution.pk, seat=seat()) is Refusal.SLOT_FULL
    sweep.sweep_once()
    drain()
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_a_critical_task_passes_ten_thousand_waiting_low_ones(define):
    low = define(priority=2)
    batch_of_low = [low.pk] * 10_000
    batches.start(batch_of_low, max_parallel=10)
    execute("UPDATE fleet_execution SET batch_id = NULL")
    critical = trigger.trigger(define(), priority=9)
    unsent()
    dispatch.dispatch(["default"])
    first = rows("SELECT id FROM fleet_execution WHERE sent_at IS NOT NULL ORDER BY queue_at LIMIT 1")[0]
    assert first.id == critical.pk


def test_messages_out_never_exceed_the_cap_however_many_wait(define):
    definition = define()
    for _ in range(20):
        trigger.trigger(definition)
    assert len(out()) == dispatch.FEWEST_OUT


def test_owners_take_turns_at_equal_priority(define, django_user_model):
    busy, quiet = (User.objects.create(username=name) for name in ("busy", "quiet"))
    many, few = define(owner=busy), define(owner=quiet)
    for _ in range(30):
        trigger.trigger(many)
    late = trigger.trigger(few)
    unsent()
    dispatch.dispatch(["default"])
    assert late.pk in out()


def test_waiting_raises_a_low_task_one_step_in_ten_minutes(define):
    old_low = trigger.trigger(define(), priority=2)
    fresh_normal = [trigger.trigger(define(), priority=4) for _ in range(dispatch.FEWEST_OUT)]
    execute("UPDATE fleet_execution SET queue_at = queue_at - interval '21 minutes' WHERE id = %s", [old_low.pk])
    unsent()
    dispatch.dispatch(["default"])
    assert old_low.pk in out() and len(out() & {e.pk for e in fresh_normal}) == dispatch.FEWEST_OUT - 1


def test_what_nobody_claims_is_sent_again_with_twice_the_patience(define):
    execution = trigger.trigger(define())
    execution.refresh_from_db()
    first = execution.resend_at - execution.sent_at
    execute("UPDATE fleet_execution SET resend_at = now()")
    dispatch.dispatch_once()
    execution.refresh_from_db()
    assert execution.sends == 2
    assert execution.resend_at - execution.sent_at == 2 * first


def test_too_many_waiting_is_refused_with_a_time_to_come_back(define, settings):
    from dataclasses import replace

    settings.TASKFLEET = replace(settings.TASKFLEET, waiting_limit_owner=5)
    definition = define()
    for kind in ({}, {"delay": timedelta(hours=1)}, {}, {"delay": timedelta(hours=1)}, {}):
        trigger.trigger(definition, **kind)
    backpressure.forget()
    with pytest.raises(Refused) as refused:
        trigger.trigger(definition)
    assert refused.value.retry_after_seconds


def test_between_two_members_of_a_lane_nobody_sees_its_place_empty(define):
    batch = batches.start([define().pk] * 4, max_parallel=1)
    seen = []

    def desk(held):
        seen.append(Execution.objects.filter(batch_id=batch.pk, state="running").count())

    done, more = visit_members(batch.pk, seat=seat(), desk=desk, going=lambda: True)
    batch.refresh_from_db()
    assert (done, more, batch.state) == (4, False, "completed")
    # Asked whenever one is taken up or put down: only after the last is none running.
    assert seen == [1] * 7 + [0]


def test_a_lane_that_makes_room_takes_nothing_along(define):
    batch = batches.start([define().pk] * 3, max_parallel=3)
    turns = iter([True, False, False])
    done, more = visit_members(batch.pk, seat=seat(), desk=lambda held: None, going=lambda: next(turns))
    states = sorted(Execution.objects.filter(batch_id=batch.pk).values_list("state", flat=True))
    assert (done, more, states) == (1, True, ["completed", "pending", "pending"])


def test_a_member_whose_outcome_cannot_be_stored_fails_and_its_lane_goes_on(define):
    held = claim_member((batch := batches.start([define().pk] * 2, max_parallel=2)).pk, seat=seat())
    with pytest.raises(DataError):
        finish_and_take(held, Outcome(result=Result("\0")), lambda: None)
    assert finish(held, Outcome(result=Result("done"))).state == "completed"
    done, more = visit_members(batch.pk, seat=seat(), desk=lambda held: None, going=lambda: True)
    assert (done, more) == (1, False)


def test_a_batch_stops_at_the_first_failure_when_told_so(define):
    good, bad = define(), define(config={"fail": "permanent"})
    batch = batches.start([good.pk, bad.pk, good.pk, good.pk], max_parallel=1, stop_on_failure=True)
    visit_members(batch.pk, seat=seat(), desk=lambda held: None, going=lambda: True)
    sweep.sweep_once()
    states = list(
        Execution.objects.filter(batch_id=batch.pk).order_by("batch_position").values_list("state", flat=True)
    )
    batch.refresh_from_db()
    assert (states, batch.state) == (["completed", "failed", "cancelled", "cancelled"], "failed")


def test_a_cancelled_batch_is_over_for_every_member(define):
    definition = define()
    batch = batches.start([definition.pk] * 2_500, max_parallel=4)
    assert batches.cancel(batch) == 2_500
    batch.refresh_from_db()
    assert batch.state == "cancelled"
    assert set(Execution.objects.filter(batch_id=batch.pk).values_list("state", flat=True)) == {"cancelled"}


def test_a_gated_run_that_waits_too_long_is_skipped_with_the_reason(define):
    gated = trigger.trigger(define(after=[define()], dependency_timeout_seconds=0))
    sweep.sweep_once()
    gated.refresh_from_db()
    assert gated.state == "skipped"
    assert "in time" in Transition.objects.filter(execution_id=gated.pk).latest("id").reason


def test_what_has_not_begun_by_its_time_is_missed(define):
    late = trigger.trigger(define(start_by_seconds=0))
    sweep.sweep_once()
    late.refresh_from_db()
    assert late.state == "missed"


def test_a_task_type_nobody_here_knows_is_handed_back_not_failed(define):
    execution = trigger.trigger(define("from-the-future"))
    assert claim(execution.pk, seat=seat()) is Refusal.TYPE_UNKNOWN
    execution.refresh_from_db()
    assert (execution.state, execution.handed_back) == ("pending", 1)


def test_an_expired_lease_is_recovered_once_amnesty_is_over(define):
    execution = trigger.trigger(define(initial_delay_ms=0))
    held = claim(execution.pk, seat=seat())
    execute("UPDATE fleet_attempt SET lease_until = now() - interval '1 hour'")
    sweep.sweep_once(sweeper_silent=True)
    execution.refresh_from_db()
    assert execution.state == "running"
    execute("UPDATE fleet_attempt SET lease_until = now() - interval '1 hour'")
    sweep.sweep_once()
    execution.refresh_from_db()
    assert execution.state == "retrying"
    assert finish(held, Outcome(result=Result("late"))) is None


def test_pausing_holds_what_waits_and_cancel_reaches_what_is_held(define):
    definition = define()
    waiting = trigger.trigger(definition, cause="schedule", delay=timedelta(seconds=0))
    control.pause(definition)
    waiting.refresh_from_db()
    assert waiting.held
    control.cancel([waiting.pk])
    waiting.refresh_from_db()
    assert waiting.state == "cancelled"


def test_a_cancelled_workflow_run_leaves_every_open_node_cancelled(define):
    first = define()
    second = [define(after=[first]) for _ in range(3)]
    define(after=second)
    run = workflows.start([first], with_downstream=True)
    assert control.cancel_workflow(run) == 5
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert set(Execution.objects.filter(workflow_id=run.pk).values_list("state", flat=True)) == {"cancelled"}
