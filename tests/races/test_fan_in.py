"""Upstreams that end at the same moment: each join starts exactly once, and none is forgotten."""

from functools import partial

import pytest
from django.db import transaction

from executors.contract import Result
from executors.errors import Failure
from tasks_app.domain.states import Actor, State
from tasks_app.engine import moves, sweep, trigger, workflows
from tasks_app.engine.claim import claim
from tasks_app.engine.finish import Outcome, finish
from tasks_app.engine.held import Held
from tasks_app.engine.opening import Opening
from tasks_app.engine.rows import execute
from tasks_app.models import Execution, Link, TaskDefinition, Transition, WorkflowRun
from tests.races.barrier import at_once, inside
from tests.river import drain, seat

pytestmark = pytest.mark.django_db(transaction=True)
JOINS = 300
DONE = Outcome(result=Result("done"))
FAILED = Outcome(failure=Failure("permanent_failure", "no"))


def three_way_joins(definition, count):
    """A run of `count` joins, each behind three upstreams of its own; all upstreams are running."""
    run = WorkflowRun.objects.create(name="joins", root_definition=definition.pk, total=4 * count)
    shared = {"definition_id": definition.pk, "cause": "workflow", "workflow_id": run.pk}
    ups = [[Opening(**shared) for _ in range(3)] for _ in range(count)]
    joins = [Opening(**shared, state=State.BLOCKED, waiting_for=3, open_links=3) for _ in range(count)]
    with transaction.atomic():
        moves.open_executions([*joins, *(up for three in ups for up in three)], actor=Actor.USER)
        Link.objects.bulk_create(
            Link(workflow_id=run.pk, upstream_id=up.id, upstream_definition_id=definition.pk, downstream_id=join.id,
                 condition="success")
            for join, three in zip(joins, ups, strict=True) for up in three
        )  # fmt: skip
    held = [[claim(up.id, seat=seat()) for up in three] for three in ups]
    assert all(isinstance(one, Held) for three in held for one in three)
    return run, [join.id for join in joins], list(zip(*held, strict=True))


def starts(ids):
    return Transition.objects.filter(execution_id__in=ids, new="pending").count()


def finish_all(column, outcome=DONE):
    for held in column:
        assert finish(held, outcome) is not None


def test_three_hundred_joins_whose_three_upstreams_end_at_once_start_once_each(define):
    run, joins, columns = three_way_joins(define(), JOINS)
    at_once(*[partial(finish_all, column) for column in columns])
    assert starts(joins) == JOINS
    assert set(Execution.objects.filter(pk__in=joins).values_list("state", "waiting_for")) == {("pending", 0)}
    drain()
    run.refresh_from_db()
    assert run.state == "completed"
    assert Execution.objects.filter(pk__in=joins, attempts=1, state="completed").count() == JOINS


def test_a_join_of_any_starts_once_however_many_upstreams_end_at_once(define):
    definition = define(dependency_mode="any")
    _, joins, columns = three_way_joins(definition, 40)
    execute("UPDATE fleet_execution SET waiting_for = 1 WHERE state = 'blocked'")
    at_once(*[partial(finish_all, column) for column in columns])
    assert starts(joins) == 40


def test_a_join_is_skipped_once_when_one_upstream_fails_while_the_others_end_well(define):
    _, joins, (first, second, third) = three_way_joins(define(max_retries=0), 40)
    at_once(partial(finish_all, first), partial(finish_all, second), partial(finish_all, third, FAILED))
    assert set(Execution.objects.filter(pk__in=joins).values_list("state", flat=True)) == {"skipped"}
    assert Transition.objects.filter(execution_id__in=joins, new="skipped").count() == 40
    assert starts(joins) == 0


def test_two_ends_of_which_neither_sees_the_other_start_their_join(define):
    a, b = define(), define()
    join = define(after=[a, b])
    run = workflows.start([a, b], with_downstream=True)
    nodes = {e.definition_id: e for e in Execution.objects.filter(workflow_id=run.pk)}
    one, other = (claim(nodes[d.pk].pk, seat=seat()) for d in (a, b))
    inside(lambda: finish(one, DONE), lambda: finish(other, DONE))
    assert starts([nodes[join.pk].pk]) == 1


def test_an_end_that_two_sweeps_find_unsettled_counts_once(define):
    a, b = define(), define()
    join = define(after=[a, b])
    run = workflows.start([a, b], with_downstream=True)
    nodes = {e.definition_id: e for e in Execution.objects.filter(workflow_id=run.pk)}
    execute("UPDATE fleet_workflow_run SET created_at = now() - interval '1 hour'")
    finish(claim(nodes[a.pk].pk, seat=seat()), DONE)
    execute("UPDATE fleet_execution SET finished_at = now() - interval '1 hour' WHERE state = 'completed'")
    Link.objects.filter(upstream_id=nodes[a.pk].pk).update(state="open")
    execute("UPDATE fleet_execution SET waiting_for = 2, open_links = 2 WHERE state = 'blocked'")
    inside(sweep.settle_forgotten, sweep.settle_forgotten)
    waiting = Execution.objects.get(pk=nodes[join.pk].pk)
    assert (waiting.state, waiting.waiting_for, waiting.open_links) == ("blocked", 1, 1)


@pytest.mark.parametrize("meet", [at_once, inside])
def test_two_upstreams_that_end_at_once_open_one_collecting_execution_and_start_it_once(define, meet):
    for _ in range(10 if meet is at_once else 1):
        a, b = define(), define()
        both = define(after=[a, b], trigger_on_dependencies=True)
        held = [claim(trigger.trigger(d).pk, seat=seat()) for d in (a, b)]
        meet(*[partial(finish, one, DONE) for one in held])
        collected = Execution.objects.get(definition=both)
        assert collected.state == "pending"
        assert starts([collected.pk]) == 1


def test_an_upstream_that_ends_while_a_run_begins_to_wait_for_it_is_not_overlooked(define):
    upstream = define()
    gated = define(after=[upstream])
    held = claim(trigger.trigger(upstream).pk, seat=seat())
    waiting, _ = inside(lambda: trigger.trigger(gated), lambda: finish(held, DONE))
    assert Execution.objects.get(pk=waiting.pk).state == "pending"


def test_a_run_that_begins_to_wait_while_its_upstream_ends_is_not_overlooked(define):
    upstream = define()
    gated = define(after=[upstream])
    held = claim(trigger.trigger(upstream).pk, seat=seat())
    _, waiting = inside(lambda: finish(held, DONE), lambda: trigger.trigger(TaskDefinition.objects.get(pk=gated.pk)))
    assert Execution.objects.get(pk=waiting.pk).state == "pending"
