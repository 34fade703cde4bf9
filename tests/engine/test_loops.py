"""Of many beats one runs each loop."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from tasks_app.engine import loops
from tasks_app.models import LoopLease
from tasks_app.worker.loop import Loop
from tests.fleet import until

pytestmark = pytest.mark.django_db(transaction=True)
LONG, SHORT = timedelta(minutes=1), timedelta(milliseconds=50)


def test_a_lease_is_held_by_one_and_renewed_by_it():
    assert loops.held("sweep", holder="a", lasting=LONG)
    assert loops.held("sweep", holder="b", lasting=LONG) is None
    assert loops.held("sweep", holder="a", lasting=LONG)
    assert loops.held("dispatch", holder="b", lasting=LONG)


def test_a_lease_that_ran_out_is_taken_over():
    assert loops.held("sweep", holder="a", lasting=SHORT)
    until(lambda: loops.held("sweep", holder="b", lasting=LONG), seconds=5)
    assert loops.held("sweep", holder="a", lasting=LONG) is None


def test_a_released_lease_is_free_at_once():
    loops.held("sweep", holder="a", lasting=LONG)
    loops.release(["sweep"], holder="b")
    assert loops.held("sweep", holder="b", lasting=LONG) is None
    loops.release(["sweep"], holder="a")
    until(lambda: loops.held("sweep", holder="b", lasting=LONG), seconds=1)


def test_the_silence_before_a_turn_is_told():
    assert loops.held("sweep", holder="a", lasting=LONG).silent_for == timedelta(0)
    loops.ran("sweep", holder="a")
    LoopLease.objects.update(ran_at=LoopLease.objects.get().ran_at - timedelta(seconds=90))
    assert loops.held("sweep", holder="a", lasting=LONG).silent_for >= timedelta(seconds=90)


def test_only_the_holder_notes_a_pass():
    loops.held("sweep", holder="a", lasting=LONG)
    loops.ran("sweep", holder="b")
    assert LoopLease.objects.get().ran_at is None


def test_of_two_loops_one_passes_and_the_other_takes_over_when_it_stops():
    passes: list[str] = []
    pair = [Loop("t", lambda turn, n=n: passes.append(n), every=SHORT, holder=n) for n in ("a", "b")]
    pair[0].start()
    until(lambda: len(passes) > 2)
    pair[1].start()
    until(lambda: len(passes) > 6)
    assert set(passes) == {"a"}
    pair[0].stop()
    until(lambda: "b" in passes, seconds=2)
    pair[1].stop()
    for loop in pair:
        loop.join(5)
        assert not loop.is_alive()


def test_a_pass_that_fails_does_not_end_the_loop():
    calls = threading.Semaphore(0)

    def fails(turn):
        calls.release()
        connection.close()
        raise RuntimeError("once")

    loop = Loop("t", fails, every=SHORT, holder="a")
    loop.start()
    for _ in range(3):
        assert calls.acquire(timeout=5)
    loop.stop()
    loop.join(5)
    assert not loop.is_alive()
