"""From a trigger to the end of an execution, as its row and its history tell."""

from datetime import timedelta

import pytest

from executors.contract import Result as Done
from tasks_app.engine import control, reruns, trigger, workflows
from tasks_app.engine.claim import Refusal, claim
from tasks_app.engine.finish import Outcome, finish
from tasks_app.models import Attempt, DefinitionHead, Execution, Result, TaskDefinition, Transition
from tests.river import drain, seat

pytestmark = pytest.mark.django_db(transaction=True)


def states(execution):
    return list(Transition.objects.filter(execution_id=execution.pk).order_by("id").values_list("new", flat=True))


def test_a_run_completes_and_leaves_result_attempt_history_and_head(define):
    execution = trigger.trigger(define(config={"value": 7}))
    drain()
    execution.refresh_from_db()
    assert execution.state == "completed"
    assert states(execution) == ["pending", "running", "completed"]
    assert Result.objects.get(execution_id=execution.pk).data == {"value": 7, "inputs": []}
    attempt = Attempt.objects.get(execution_id=execution.pk)
    assert attempt.outcome == "completed" and attempt.finished_at is not None
    head = DefinitionHead.objects.get(pk=execution.definition_id)
    assert (head.last_execution_id, head.last_state) == (execution.pk, "completed")


def test_a_temporary_failure_is_retried_until_it_works(define):
    execution = trigger.trigger(define(config={"fail": "temporary", "failAttempts": 2}))
    drain(hurry=True)
    execution.refresh_from_db()
    assert execution.state == "completed" and execution.attempts == 3 and execution.retries_used == 2
    assert states(execution).count("retrying") == 2


def test_exhausted_retries_end_as_failed_with_the_kind(define):
    execution = trigger.trigger(define(config={"fail": "temporary"}, max_retries=2))
    drain(hurry=True)
    execution.refresh_from_db()
    assert (execution.state, execution.attempts, execution.error_kind) == ("failed", 3, "temporary_failure")


def test_a_permanent_failure_is_not_retried(define):
    execution = trigger.trigger(define(config={"fail": "permanent"}))
    drain(hurry=True)
    execution.refresh_from_db()
    assert (execution.state, execution.attempts) == ("failed", 1)


def test_a_second_message_for_the_same_execution_changes_nothing(define):
    execution = trigger.trigger(define())
    held = claim(execution.pk, seat=seat())
    assert claim(execution.pk, seat=seat()) is Refusal.NOT_WAITING
    finish(held, Outcome(result=Done("first")))
    assert claim(execution.pk, seat=seat()) is Refusal.NOT_WAITING
    assert Attempt.objects.filter(execution_id=execution.pk).count() == 1


def test_a_late_answer_of_a_lost_attempt_is_refused_with_its_state(define):
    execution = trigger.trigger(define())
    lost = claim(execution.pk, seat=seat())
    finish(lost, Outcome(handed_back="shutdown"))
    second = claim(execution.pk, seat=seat())
    assert finish(lost, Outcome(result=Done("late", state={"cursor": 1}))) is None
    finish(second, Outcome(result=Done("in time", state={"cursor": 2})))
    assert Result.objects.get(execution_id=execution.pk).summary == "in time"
    assert DefinitionHead.objects.get(pk=execution.definition_id).state == {"cursor": 2}


def test_a_paused_definition_starts_nothing_by_itself_but_by_hand(define):
    definition = define()
    waiting = trigger.trigger(definition, cause="schedule")
    control.pause(definition)
    assert claim(waiting.pk, seat=seat()) is Refusal.PAUSED
    by_hand = trigger.trigger(TaskDefinition.objects.get(pk=definition.pk))
    drain()
    by_hand.refresh_from_db()
    waiting.refresh_from_db()
    assert (by_hand.state, by_hand.forced, waiting.state) == ("completed", True, "pending")
    control.resume(definition)
    drain()
    waiting.refresh_from_db()
    assert waiting.state == "completed"


def test_a_delayed_run_waits_for_its_time(define):
    execution = trigger.trigger(define(), delay=timedelta(hours=1))
    drain()
    execution.refresh_from_db()
    assert execution.state == "scheduled"
    drain(hurry=True)
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_a_waiting_execution_is_cancelled_at_once_and_a_running_one_when_it_ends(define):
    waiting, running = trigger.trigger(define()), trigger.trigger(define())
    held = claim(running.pk, seat=seat())
    assert set(control.cancel([waiting.pk, running.pk])) == {waiting.pk, running.pk}
    finish(held, Outcome(handed_back="asked to stop"))
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert (waiting.state, running.state) == ("cancelled", "cancelled")


def test_a_rerun_points_back_and_leaves_the_old_row_alone(define):
    first = trigger.trigger(define(config={"fail": "permanent"}))
    drain()
    (again,) = reruns.rerun([first.pk])
    first.refresh_from_db()
    assert (again.rerun_of, first.state, again.cause) == (first.pk, "failed", "rerun")


def test_a_chain_runs_in_order_and_each_step_sees_the_one_before(define):
    a = define(name="a")
    b = define(name="b", after=[a])
    c = define(name="c", after=[b])
    run = workflows.start([a], with_downstream=True)
    drain()
    run.refresh_from_db()
    assert run.state == "completed"
    ends = list(
        Execution.objects.filter(workflow_id=run.pk).order_by("finished_at").values_list("definition_id", flat=True)
    )
    assert ends == [a.pk, b.pk, c.pk]
    last = Execution.objects.get(workflow_id=run.pk, definition=c)
    assert Result.objects.get(execution_id=last.pk).data["inputs"] == ["b"]


def test_a_failed_upstream_skips_what_waits_for_its_success_and_starts_its_handler(define):
    a = define(config={"fail": "permanent"})
    on_success, handler = define(after=[a]), define(after=[(a, "failure")])
    below = define(after=[on_success])
    run = workflows.start([a], with_downstream=True)
    drain()
    run.refresh_from_db()
    found = dict(Execution.objects.filter(workflow_id=run.pk).values_list("definition_id", "state"))
    assert found == {a.pk: "failed", on_success.pk: "skipped", handler.pk: "completed", below.pk: "skipped"}
    assert run.state == "failed"


def test_a_join_of_all_waits_for_every_upstream_and_a_join_of_any_for_the_first(define):
    a, b, failing = define(), define(), define(config={"fail": "permanent"})
    join = define(after=[a, b])
    either = define(after=[failing, a], dependency_mode="any")
    neither = define(after=[failing], dependency_mode="any")
    run = workflows.start([a, b, failing], with_downstream=True)
    drain()
    found = dict(Execution.objects.filter(workflow_id=run.pk).values_list("definition_id", "state"))
    assert (found[join.pk], found[either.pk], found[neither.pk]) == ("completed", "completed", "skipped")


def test_a_custom_edge_reads_the_upstreams_result(define):
    a = define(config={"value": 5})
    yes = define(after=[(a, "custom", {"expression": "result.value > 4.0"})])
    no = define(after=[(a, "custom", {"expression": "result.value > 6.0"})])
    run = workflows.start([a], with_downstream=True)
    drain()
    found = dict(Execution.objects.filter(workflow_id=run.pk).values_list("definition_id", "state"))
    assert (found[yes.pk], found[no.pk]) == ("completed", "skipped")


def test_an_end_starts_the_dependents_that_ask_for_it(define):
    a, b = define(), define()
    single = define(after=[a], trigger_on_dependencies=True)
    both = define(after=[a, b], trigger_on_dependencies=True)
    trigger.trigger(a)
    drain()
    assert Execution.objects.get(definition=single).state == "completed"
    assert Execution.objects.get(definition=both).state == "blocked"
    trigger.trigger(a)
    drain()
    trigger.trigger(b)
    drain()
    assert Execution.objects.get(definition=both).state == "completed"
    assert Execution.objects.filter(definition=single).count() == 2


def test_a_gated_run_waits_until_its_upstream_has_ended_well_and_force_passes(define):
    upstream = define()
    gated = define(after=[upstream])
    blocked = trigger.trigger(gated)
    forced = trigger.trigger(gated, force=True)
    drain()
    blocked.refresh_from_db()
    forced.refresh_from_db()
    assert (blocked.state, forced.state) == ("blocked", "completed")
    trigger.trigger(upstream)
    drain()
    blocked.refresh_from_db()
    assert blocked.state == "completed"
    assert trigger.trigger(gated).state == "pending"


def test_work_that_leaves_a_transaction_open_or_broken_holds_nobody_up(define):
    from executors.general.functions import custom_function
    from tasks_app.engine.rows import rows

    @custom_function
    def leaves_a_mess():
        from django.db import connection

        cursor = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE fleet_slot IN ACCESS EXCLUSIVE MODE")
        return {"done": 1}

    execution = trigger.trigger(define("custom", {"function": "leaves_a_mess"}))
    drain()
    execution.refresh_from_db()
    assert execution.state == "completed"
    held = "SELECT count(*) AS n FROM pg_locks WHERE relation = 'fleet_slot'::regclass AND mode = 'AccessExclusiveLock'"
    ours = "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    assert rows(f"{held} {ours}")[0].n == 0
