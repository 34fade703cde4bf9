"""Limits under eight workers at once: never exceeded, and nobody who waits for a unit is forgotten."""

import threading
import time

import pytest
from django.db import transaction

from executors.contract import Result
from tasks_app.engine import batches, slots, sweep, trigger
from tasks_app.engine.claim import Refusal, claim, claim_member
from tasks_app.engine.finish import Outcome, finish
from tasks_app.engine.held import Held
from tasks_app.engine.rows import rows
from tasks_app.models import Batch, Execution, Slot
from tests.races.barrier import at_once, inside
from tests.river import seat

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 8
DONE = Outcome(result=Result("done"))
_CLAIMABLE = "SELECT id FROM fleet_execution WHERE state = 'pending' AND waiting_slot IS NULL ORDER BY random() LIMIT 1"
# In one look: somebody waits, nobody runs who could let him through, and nobody else may try.
_FORGOTTEN = """
SELECT bool_or(state = 'pending')
    AND NOT bool_or(state = 'running' OR state = 'pending' AND waiting_slot IS NULL) AS yes
FROM fleet_execution
"""


def limit(key, units):
    with transaction.atomic():
        slots.set_limit(key, units)


class Gauge:
    """How many run at once, as the workers themselves see it."""

    def __init__(self):
        self._lock, self.running, self.most = threading.Lock(), 0, 0

    def __enter__(self):
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)

    def __exit__(self, *exc):
        with self._lock:
            self.running -= 1


def work_off(gauge, claim_next):
    """A worker's life: take, run, end; over when nothing is left, or when somebody waits whom nobody will call."""
    while Execution.objects.filter(state__in=["pending", "running"]).exists():
        held = claim_next()
        if isinstance(held, Held):
            with gauge:
                time.sleep(0.002)  # the run itself: long enough that others try meanwhile
            assert finish(held, DONE) is not None
        elif rows(_FORGOTTEN)[0].yes:
            return "forgotten"
    return "done"


def claim_any():
    found = rows(_CLAIMABLE)
    return claim(found[0].id, seat=seat()) if found else None


def test_eight_workers_on_a_limit_of_three_never_run_four_and_forget_nobody(define):
    definition = define()
    limit(f"definition:{definition.pk}", 3)
    for _ in range(60):
        trigger.trigger(definition)
    gauge = Gauge()
    assert at_once(*[lambda: work_off(gauge, claim_any)] * WORKERS) == ["done"] * WORKERS
    assert gauge.most <= 3
    assert Execution.objects.filter(state="completed", attempts=1).count() == 60
    assert Slot.objects.get().used == 0


def test_limits_of_several_kinds_together_hold_each_without_a_deadlock(define):
    first = define(concurrency_key="shared", concurrency_limit=3)
    second = define(concurrency_key="shared", concurrency_limit=3)
    for key, units in (("global", 5), (f"definition:{first.pk}", 2), (f"definition:{second.pk}", 2), ("key:shared", 3)):
        limit(key, units)
    alone = define()
    for n in range(60):
        trigger.trigger((first, second, alone)[n % 3])
    gauge = Gauge()
    assert at_once(*[lambda: work_off(gauge, claim_any)] * WORKERS) == ["done"] * WORKERS
    assert gauge.most <= 5
    assert Execution.objects.filter(state="completed", attempts=1).count() == 60
    assert set(Slot.objects.values_list("used", flat=True)) == {0}


def test_lanes_of_a_batch_never_run_more_than_max_parallel_members(define):
    batch = batches.start([define().pk] * 60, max_parallel=3)
    gauge = Gauge()
    assert at_once(*[lambda: work_off(gauge, lambda: claim_member(batch.pk, seat=seat()))] * WORKERS) == ["done"] * 8
    assert gauge.most <= 3
    assert Batch.objects.get().state == "completed"


def test_the_last_units_that_are_taken_but_not_committed_are_not_given_twice(define):
    definition = define()
    limit("global", 1)
    limit(f"definition:{definition.pk}", 1)
    one, other = (trigger.trigger(definition).pk for _ in range(2))
    assert isinstance(claim_behind(one, other)[0], Held)
    assert set(Slot.objects.values_list("used", flat=True)) == {1}


def claim_behind(one, other):
    """Two claims, the second begun before the first commits."""
    found = inside(lambda: claim(one, seat=seat()), lambda: claim(other, seat=seat()))
    assert found[1] is Refusal.SLOT_FULL
    return found


def test_the_last_unit_of_a_single_limit_is_not_given_twice(define):
    definition = define()
    limit(f"definition:{definition.pk}", 1)
    claim_behind(*(trigger.trigger(definition).pk for _ in range(2)))
    assert Slot.objects.get().used == 1


def test_who_is_refused_while_the_last_unit_is_being_given_back_is_let_through(define):
    definition = define()
    limit(f"definition:{definition.pk}", 1)
    running, waiting = (trigger.trigger(definition).pk for _ in range(2))
    held = claim(running, seat=seat())
    inside(lambda: finish(held, DONE), lambda: claim(waiting, seat=seat()))
    assert Execution.objects.filter(pk=waiting, waiting_slot=None).exists()


def test_who_is_refused_just_before_the_unit_is_given_back_is_let_through(define):
    definition = define()
    limit(f"definition:{definition.pk}", 1)
    running, waiting = (trigger.trigger(definition).pk for _ in range(2))
    held = claim(running, seat=seat())
    inside(lambda: claim(waiting, seat=seat()), lambda: finish(held, DONE))
    assert Execution.objects.filter(pk=waiting, state="pending", waiting_slot=None).exists()


def test_a_recount_in_the_middle_of_claims_and_ends_leaves_the_counters_right(define):
    definition = define()
    limit(f"definition:{definition.pk}", 3)
    for _ in range(40):
        trigger.trigger(definition)
    gauge, over = Gauge(), threading.Event()

    def work():
        try:
            return work_off(gauge, claim_any)
        finally:
            over.set()

    def recount():
        while not over.is_set():
            sweep._rebuild_slots()
        return "done"

    assert at_once(work, work, work, work, recount) == ["done"] * 5
    assert gauge.most <= 3
    assert Slot.objects.get().used == 0
