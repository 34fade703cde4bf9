"""An attempt is ended by one: worker, keeper, sweep or a cancel, whoever comes first; the others change nothing."""

from functools import partial

import pytest
from django.db import transaction

from executors.contract import Result
from executors.errors import Failure
from tasks_app.domain.states import Actor
from tasks_app.engine import control, leases, slots, sweep, trigger
from tasks_app.engine import held as holding
from tasks_app.engine.claim import Refusal, claim
from tasks_app.engine.finish import Outcome, finish, lost
from tasks_app.engine.held import Held
from tasks_app.engine.rows import execute
from tasks_app.models import Attempt, DefinitionHead, Execution, Slot, Transition
from tasks_app.models import Result as Kept
from tests.races.barrier import at_once, inside
from tests.river import seat

pytestmark = pytest.mark.django_db(transaction=True)
TEMPORARY = Outcome(failure=Failure("temporary_failure", "try again"))


def claimed(definition, count):
    found = [claim(trigger.trigger(definition).pk, seat=seat()) for _ in range(count)]
    assert all(isinstance(held, Held) for held in found)
    return found


def ends_of(execution_id):
    return list(Transition.objects.filter(execution_id=execution_id, old="running").values_list("new", flat=True))


def test_a_worker_and_the_sweep_at_once_end_each_attempt_once_and_only_the_first_is_kept(define):
    definition = define()
    with transaction.atomic():
        slots.set_limit(f"definition:{definition.pk}", 100)
    running = claimed(definition, 30)
    execute("UPDATE fleet_attempt SET lease_until = now() - interval '1 hour'")

    def work():
        return [finish(held, Outcome(result=Result("done", state={"n": held.attempt_id}))) for held in running]

    finished, swept = at_once(work, sweep.recover_lost)
    assert swept == finished.count(None)
    for held, end in zip(running, finished, strict=True):
        execution = Execution.objects.get(pk=held.execution_id)
        assert ends_of(execution.pk) == [execution.state] == ["completed" if end else "retrying"]
        assert Attempt.objects.get(pk=held.attempt_id).outcome == ("completed" if end else "lost")
        assert Kept.objects.filter(execution_id=execution.pk).exists() == bool(end)
    won = {held.attempt_id for held, end in zip(running, finished, strict=True) if end}
    state = DefinitionHead.objects.get(pk=definition.pk).state
    assert (state["n"] in won) if won else state is None
    assert Slot.objects.get(pk=f"definition:{definition.pk}").used == 0


def test_a_late_answer_that_waits_for_the_sweep_is_refused(define):
    (held,) = claimed(define(), 1)
    swept, late = inside(
        lambda: lost(held, actor=Actor.SWEEPER, why="the lease ran out"),
        lambda: finish(held, Outcome(result=Result("late", state={"n": 1}))),
    )
    assert swept is not None and late is None
    assert ends_of(held.execution_id) == ["retrying"]
    assert DefinitionHead.objects.get(pk=held.definition_id).state is None


def test_worker_keeper_and_sweep_together_end_it_once(define):
    for held in claimed(define(), 15):
        execute("UPDATE fleet_attempt SET lease_until = now() - interval '1 hour' WHERE id = %s", [held.attempt_id])
        at_once(
            partial(finish, held, Outcome(result=Result("done"))),
            partial(leases.bury, held.execution_id, held.attempt_id, why="the child is gone"),
            sweep.recover_lost,
        )
        assert len(ends_of(held.execution_id)) == 1
        assert holding.of_attempt(held.execution_id, held.attempt_id) is None


def test_a_cancel_and_an_end_at_once_leave_nothing_that_runs_again(define):
    done, again = define(), define()
    running = claimed(done, 12) + claimed(again, 12)
    ids = [held.execution_id for held in running]

    def work():
        for held in reversed(running):
            finish(held, Outcome(result=Result("done")) if held.definition_id == done.pk else TEMPORARY)

    at_once(work, lambda: [control.cancel([i]) for i in ids])
    assert set(Execution.objects.filter(definition=done).values_list("state", flat=True)) == {"completed"}
    assert set(Execution.objects.filter(definition=again).values_list("state", flat=True)) == {"cancelled"}
    assert all(len(ends_of(i)) == 1 for i in ids)


def test_a_cancel_and_a_claim_at_once_cancel_it_whoever_is_first(define):
    definition = define()
    ids = [trigger.trigger(definition).pk for _ in range(40)]
    claims, _ = at_once(
        lambda: [claim(i, seat=seat()) for i in ids], lambda: [control.cancel([i]) for i in reversed(ids)]
    )
    for found in claims:
        assert found is Refusal.NOT_WAITING or finish(found, TEMPORARY)
    assert set(Execution.objects.values_list("state", flat=True)) == {"cancelled"}


def test_a_cancel_that_meets_a_claim_before_its_commit_reaches_the_running_one(define):
    execution = trigger.trigger(define())
    held, reached = inside(lambda: claim(execution.pk, seat=seat()), lambda: control.cancel([execution.pk]))
    assert reached == [execution.pk]
    finish(held, TEMPORARY)
    execution.refresh_from_db()
    assert execution.state == "cancelled"


def test_a_cancel_that_meets_a_retry_before_its_commit_reaches_the_waiting_one(define):
    (held,) = claimed(define(), 1)
    inside(lambda: finish(held, TEMPORARY), lambda: control.cancel([held.execution_id]))
    assert Execution.objects.get(pk=held.execution_id).state == "cancelled"
