"""A batch whose last members end together is closed once; two people who retry it start one generation."""

from functools import partial

import pytest

from executors.contract import Result
from executors.errors import Failure
from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine import batches, lanes, reruns, sweep
from tasks_app.engine.claim import claim_member
from tasks_app.engine.finish import Outcome, finish
from tasks_app.models import Batch, BatchMember, Execution, Slot
from tests.races.barrier import at_once, inside
from tests.river import seat

pytestmark = pytest.mark.django_db(transaction=True)
DONE = Outcome(result=Result("done"))
FAILED = Outcome(failure=Failure("permanent_failure", "no"))


def under_way(definition, members=2):
    batch = batches.start([definition.pk] * members, max_parallel=members)
    return batch, [claim_member(batch.pk, seat=seat()) for _ in range(members)]


def refused(verb):
    """What a person is told whose verb came second."""
    try:
        return verb()
    except Refused as no:
        return no.code


def test_two_last_members_that_end_at_once_close_their_batch_once(define):
    definition = define()
    for _ in range(15):
        batch, (one, other) = under_way(definition)
        at_once(partial(finish, one, DONE), partial(finish, other, DONE))
        batch.refresh_from_db()
        assert (batch.state, batch.finished_at is not None) == ("completed", True)
        assert not Slot.objects.filter(pk=f"batch:{batch.pk}").exists()
        assert sorted(at_once(partial(lanes.take_body, batch.pk), partial(lanes.take_body, batch.pk))) == [False, True]


def test_an_end_that_does_not_see_the_other_leaves_the_closing_to_it(define):
    batch, (one, other) = under_way(define())
    inside(lambda: finish(one, DONE), lambda: finish(other, DONE))
    batch.refresh_from_db()
    assert batch.state == "completed"


def test_the_last_member_and_the_sweep_close_a_batch_once_with_its_true_end(define):
    definition = define(max_retries=0)
    for _ in range(10):
        batch, (one, other) = under_way(definition)
        finish(one, DONE)
        at_once(partial(finish, other, FAILED), sweep.close_ended)
        batch.refresh_from_db()
        assert batch.state == "failed"


def test_of_two_retries_of_what_failed_one_starts_a_generation_and_the_other_is_refused(define):
    batch, held = under_way(define(max_retries=0), members=4)
    for one in held:
        finish(one, FAILED)
    found = at_once(*[partial(refused, partial(batches.retry_failed, batch))] * 2)
    assert sorted(map(str, found)) == sorted(["4", str(Code.CONFLICT)])
    assert BatchMember.objects.filter(batch=batch, generation=1).count() == 4
    assert Execution.objects.filter(batch_id=batch.pk, superseded=False).count() == 4


def test_of_two_reruns_of_one_member_one_takes_its_place(define):
    batch, held = under_way(define(max_retries=0))
    for one in held:
        finish(one, FAILED)
    found = at_once(*[partial(refused, partial(reruns.rerun, [held[0].execution_id]))] * 2)
    assert Code.CONFLICT in found
    assert Execution.objects.filter(batch_id=batch.pk, superseded=False).count() == 2


def test_a_member_that_ends_while_its_batch_is_cancelled_keeps_its_end_and_the_batch_is_over(define):
    definition = define()
    for _ in range(10):
        batch = batches.start([definition.pk] * 6, max_parallel=2)
        one, other = (claim_member(batch.pk, seat=seat()) for _ in range(2))
        at_once(partial(finish, one, DONE), partial(batches.cancel, Batch.objects.get(pk=batch.pk)))
        finish(other, FAILED)
        batch.refresh_from_db()
        states = sorted(Execution.objects.filter(batch_id=batch.pk).values_list("state", flat=True))
        assert (states, batch.state) == (["cancelled"] * 5 + ["completed"], "cancelled")
