"""Several dispatchers of one pool: together they have no more messages out than the pool may have."""

import pytest
import redis
from django.conf import settings

from tasks_app.engine import dispatch, trigger
from tasks_app.engine.rows import execute
from tasks_app.models import Execution
from tests.races.barrier import at_once, inside

pytestmark = pytest.mark.django_db(transaction=True)
POOL = "default"


@pytest.fixture
def broker():
    with redis.Redis.from_url(settings.ENV.broker_url) as client:
        client.flushdb()
        yield client


def messages(broker):
    """All messages in the pool's queue, whatever their priority."""
    return sum(broker.llen(key) for key in broker.keys(f"{POOL}*") if broker.type(key) == b"list")


def waiting(definition, count):
    for _ in range(count):
        trigger.trigger(definition, cause="schedule")
    execute("UPDATE fleet_execution SET sent_at = NULL, resend_at = NULL, sends = 0")


def out():
    return Execution.objects.filter(state="pending", sent_at__isnull=False).count()


def test_eight_dispatchers_at_once_send_as_many_messages_as_one(define, broker):
    waiting(define(), 40)
    broker.flushdb()
    sent = at_once(*[lambda: dispatch.dispatch([POOL])] * 8)
    assert sum(sent) == out() == messages(broker) == dispatch.FEWEST_OUT


def test_a_dispatcher_that_has_not_committed_counts_for_the_next_one_who_has_more_urgent_work(define, broker):
    definition = define()
    waiting(definition, 40)
    broker.flushdb()

    def urgent():
        for _ in range(dispatch.FEWEST_OUT):
            trigger.trigger(definition, priority=9)

    inside(lambda: dispatch.dispatch([POOL]), urgent)
    assert out() == messages(broker) == dispatch.FEWEST_OUT


def test_dispatchers_beside_triggers_and_second_messages_keep_within_the_cap(define, broker):
    definition = define()
    waiting(definition, 20)
    broker.flushdb()

    def triggering():
        for _ in range(10):
            trigger.trigger(definition, cause="schedule")

    at_once(triggering, triggering, dispatch.dispatch_once, dispatch.dispatch_once)
    assert out() == messages(broker) == dispatch.FEWEST_OUT
    assert Execution.objects.count() == 40


def test_openings_at_once_on_an_idle_pool_keep_within_the_cap_and_leave_nobody_behind(define, broker):
    definition = define()
    for _ in range(5):
        execute("DELETE FROM fleet_execution")
        broker.flushdb()
        at_once(*[lambda: trigger.trigger(definition)] * 8)
        assert 1 <= out() == messages(broker) <= dispatch.FEWEST_OUT
        dispatch.dispatch_once()
        assert out() == messages(broker) == dispatch.FEWEST_OUT


def test_an_opening_on_an_idle_pool_is_out_without_a_dispatch_of_its_own(define, broker, monkeypatch):
    monkeypatch.setattr(dispatch, "_dispatch_pool", lambda pool: pytest.fail("dispatched"))
    execution = trigger.trigger(define())
    execution.refresh_from_db()
    assert (execution.sends, execution.sent_at is not None, messages(broker)) == (1, True, 1)


def test_what_was_opened_while_a_dispatcher_was_at_work_goes_when_it_is_done(define, broker):
    definition = define()
    lock = "SELECT pg_advisory_xact_lock(hashtext('dispatch:default'))"
    inside(lambda: execute(lock), lambda: trigger.trigger(definition))
    assert out() == messages(broker) == 1
