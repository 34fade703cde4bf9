"""What has ended is run again: alone, in its workflow run, in its batch."""

import pytest

from tasks_app.domain.refusals import Refused
from tasks_app.engine import batches, reruns, trigger, workflows
from tasks_app.models import BatchMember, DefinitionVersion, Execution
from tests.river import drain

pytestmark = pytest.mark.django_db(transaction=True)


def mend(definition):
    DefinitionVersion.objects.filter(pk=definition.current_version_id).update(config={})


def now(run):
    return dict(Execution.objects.filter(workflow_id=run.pk, superseded=False).values_list("definition__name", "state"))


def test_a_rerun_in_a_workflow_runs_what_failed_and_what_was_skipped_below_it(define):
    ok, bad = define(name="ok"), define(name="bad", config={"fail": "permanent"})
    join = define(name="join", after=[ok, bad])
    last = define(name="last", after=[join])
    run = workflows.start([ok, bad], with_downstream=True)
    drain()
    assert now(run) == {"ok": "completed", "bad": "failed", "join": "skipped", "last": "skipped"}
    mend(bad)
    reruns.rerun([Execution.objects.get(definition=bad).pk])
    drain()
    run.refresh_from_db()
    assert now(run) == {"ok": "completed", "bad": "completed", "join": "completed", "last": "completed"}
    assert (run.state, Execution.objects.filter(definition=ok).count()) == ("completed", 1)
    assert Execution.objects.get(definition=last, superseded=False).generation == 1


def test_a_rerun_does_not_wake_what_another_failure_has_ruled_out(define):
    one, two = define(config={"fail": "permanent"}), define(config={"fail": "permanent"})
    join = define(after=[one, two])
    run = workflows.start([one, two], with_downstream=True)
    drain()
    mend(one)
    reruns.rerun([Execution.objects.get(definition=one).pk])
    drain()
    run.refresh_from_db()
    assert Execution.objects.get(definition=join, superseded=False).state == "skipped"
    assert run.state == "failed"


def test_the_failed_members_of_a_batch_take_their_places_again(define):
    good, bad = define(), define(config={"fail": "permanent"})
    batch = batches.start([good.pk, bad.pk, good.pk], max_parallel=2)
    drain()
    batch.refresh_from_db()
    assert batch.state == "failed"
    mend(bad)
    assert batches.retry_failed(batch) == 1
    drain()
    batch.refresh_from_db()
    assert batch.state == "completed"
    places = BatchMember.objects.filter(batch=batch).order_by("position", "generation")
    assert list(places.values_list("position", "generation")) == [(0, 0), (1, 0), (1, 1), (2, 0)]


def test_what_is_still_open_is_not_run_again(define):
    execution = trigger.trigger(define())
    with pytest.raises(Refused, match="ended"):
        reruns.rerun([execution.pk])
