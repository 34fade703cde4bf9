"""Several reach for one execution: exactly one gets it, nobody gets what is paused, and nothing is forgotten."""

from functools import partial

import pytest

from executors.contract import Result
from tasks_app.domain.states import Actor, State
from tasks_app.engine import batches, control, dispatch, moves, trigger
from tasks_app.engine.claim import Refusal, claim, claim_member
from tasks_app.engine.finish import Outcome, finish
from tasks_app.engine.held import Held
from tasks_app.engine.rows import execute
from tasks_app.models import Attempt, Execution, TaskDefinition, Transition
from tests.races.barrier import at_once, inside
from tests.river import drain, seat

pytestmark = pytest.mark.django_db(transaction=True)


def state_of(execution):
    return Execution.objects.get(pk=execution.pk).state


def test_of_four_claims_of_one_execution_one_is_granted_and_three_find_it_taken(define):
    definition = define()
    for _ in range(15):
        execution = trigger.trigger(definition)
        found = at_once(*[partial(claim, execution.pk, seat=seat(f"w{n}")) for n in range(4)])
        (held,) = [one for one in found if isinstance(one, Held)]
        assert [one for one in found if one is not held] == [Refusal.NOT_WAITING] * 3
        execution.refresh_from_db()
        assert (execution.state, execution.attempt_id, execution.attempts) == ("running", held.attempt_id, 1)
        assert Attempt.objects.filter(execution_id=execution.pk).count() == 1
        assert Transition.objects.filter(execution_id=execution.pk, new="running").count() == 1


def test_a_claim_that_is_not_committed_keeps_the_next_one_out(define):
    execution = trigger.trigger(define())
    first, second = inside(lambda: claim(execution.pk, seat=seat("w1")), lambda: claim(execution.pk, seat=seat("w2")))
    assert isinstance(first, Held) and second is Refusal.NOT_WAITING
    assert Attempt.objects.filter(execution_id=execution.pk).count() == 1


def test_lanes_of_one_batch_take_every_member_once(define):
    batch = batches.start([define().pk] * 60, max_parallel=60)

    def lane():
        taken = []
        while isinstance(held := claim_member(batch.pk, seat=seat()), Held):
            taken.append(held.execution_id)
        return taken

    taken = [member for lane_of in at_once(lane, lane, lane, lane) for member in lane_of]
    # A lane passes over a member that another lane is just taking, so the last one may find nothing.
    taken += lane()
    assert len(taken) == len(set(taken)) == 60


def test_a_claim_and_a_pause_at_once_leave_the_run_either_begun_or_held_and_resuming_brings_it_on(define):
    definition = define()
    for _ in range(15):
        execution = trigger.trigger(definition, cause="schedule")
        held, _ = at_once(partial(claim, execution.pk, seat=seat()), partial(control.pause, definition))
        assert claim(trigger.trigger(definition, cause="schedule").pk, seat=seat()) is Refusal.PAUSED
        if isinstance(held, Held):
            assert state_of(execution) == "running"
            finish(held, Outcome(result=Result("begun before the pause")))
        else:
            assert Execution.objects.filter(pk=execution.pk, state="pending", held=True).exists()
        control.resume(definition)
        drain()
        assert state_of(execution) == "completed"


def test_a_worker_that_still_sees_the_pause_does_not_hold_back_what_a_resume_sets_free(define):
    definition = define()
    control.pause(definition)
    execution = trigger.trigger(definition, cause="schedule")
    execute("UPDATE fleet_execution SET held = false")  # a message that was on its way when the pause came
    inside(lambda: control.resume(definition), lambda: claim(execution.pk, seat=seat()))
    execution.refresh_from_db()
    assert execution.state == "running" or not execution.held


def test_what_becomes_due_or_is_opened_while_a_resume_commits_is_not_held_for_ever(define):
    definition = define()
    control.pause(definition)
    paused = TaskDefinition.objects.get(pk=definition.pk)
    due = trigger.trigger(paused, cause="schedule")
    execute("UPDATE fleet_execution SET state = 'scheduled', run_at = now(), held = false")
    opened = []

    def meanwhile():
        dispatch._wake()
        opened.append(trigger.trigger(paused, cause="schedule"))

    inside(lambda: control.resume(definition), meanwhile)
    drain()
    assert state_of(due) == state_of(opened[0]) == "completed"


def test_a_move_by_two_at_once_is_made_once(define):
    execution = trigger.trigger(define())

    def move():
        return len(moves.move([execution.pk], State.CANCELLED, actor=Actor.USER))

    assert sorted(inside(move, move)) == [0, 1]
    assert Transition.objects.filter(execution_id=execution.pk, new="cancelled").count() == 1
