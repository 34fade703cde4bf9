"""Dependency chains and fan-ins travel as Celery chains and chords; Flower shows them, the database judges them."""

import json
import urllib.request

import pytest

from config.local.ports import any_free
from tasks_app.engine import batches, workflows
from tasks_app.models import Attempt, Execution
from tests.fleet import until

pytestmark = pytest.mark.acceptance


@pytest.fixture
def flower(fleet):
    port = any_free()
    fleet.start(
        "flower", "celery", "-A", "config", "flower", f"--port={port}", "--address=127.0.0.1",
        FLOWER_UNAUTHENTICATED_API="1",
    )  # fmt: skip

    def ask(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    until(lambda: ask("workers") is not None, seconds=30, what="Flower answers")
    return ask


def celery_id(run, definition):
    execution = Execution.objects.get(workflow_id=run.pk, definition=definition)
    return Attempt.objects.filter(execution_id=execution.pk).latest("number").celery_id


def test_a_chain_and_a_chord_show_one_root_right_parents_and_the_failure(fleet, flower, broker, define):
    fleet.worker()
    fleet.beat()
    until(lambda: flower("workers?refresh=1"), seconds=30, what="Flower knows the worker")
    a = define(name="a")
    b = define(name="b", after=[(a, "completion")], config={"fail": "permanent"})
    c = define(name="c", after=[(b, "completion")])
    wide = [
        define(name=f"w{i}", after=[(c, "completion")], config={"fail": "permanent"} if i == 2 else {})
        for i in range(5)
    ]
    join = define(name="join", after=[(w, "completion") for w in wide])
    run = workflows.start([a], with_downstream=True)
    until(lambda: run.refresh_from_db() or run.state != "running", seconds=30)
    states = dict(Execution.objects.filter(workflow_id=run.pk).values_list("definition__name", "state"))
    assert states == {"a": "completed", "b": "failed", "c": "completed", "join": "completed"} | {
        f"w{i}": "failed" if i == 2 else "completed" for i in range(5)
    }
    ids = {d.name: celery_id(run, d) for d in (a, b, c, *wide, join)}
    tasks = until(
        lambda: (
            (found := {n: flower(f"task/info/{i}") for n, i in ids.items()})
            and all(t and t["state"] in ("SUCCESS", "FAILURE") for t in found.values())
            and found
        ),
        what="Flower has heard of every end",
    )
    assert {t["root_id"] for t in tasks.values()} == {str(run.pk)}
    assert (tasks["b"]["parent_id"], tasks["c"]["parent_id"]) == (ids["a"], ids["b"])
    assert {tasks[w.name]["parent_id"] for w in wide} == {ids["c"]}
    assert tasks["join"]["parent_id"] in {ids[w.name] for w in wide}
    assert {n for n, t in tasks.items() if t["state"] == "FAILURE"} == {"b", "w2"}


def queued(broker):
    """Every message that waits in the broker, as Celery wrote it."""
    keys = [k for k in broker.keys("*") if broker.type(k) == b"list"]
    return [json.loads(m) for k in keys for m in broker.lrange(k, 0, -1)]


def body_of(message):
    import base64

    return json.loads(base64.b64decode(message["body"]))


def test_the_messages_are_those_of_a_chain_and_of_a_chord_with_one_group(broker, transactional_db, define):
    first = define(name="first")
    second = define(name="second", after=[first])
    define(name="third", after=[second])
    workflows.start([first], with_downstream=True)
    (message,) = queued(broker)
    chain = body_of(message)[2]["chain"]
    assert [link["task"] for link in chain] == ["taskfleet.run", "taskfleet.run"]
    broker.flushdb()
    wide = [define() for _ in range(5)]
    define(after=wide)
    workflows.start(wide, with_downstream=True)
    members = queued(broker)
    assert len(members) == 5
    assert len({m["headers"]["group"] for m in members}) == 1 and members[0]["headers"]["group"]
    assert {body_of(m)[2]["chord"]["task"] for m in members} == {"taskfleet.run"}


def test_a_lost_callback_and_a_lost_link_are_carried_on_from_the_table(fleet, broker, define):
    fleet.worker()
    fleet.beat()
    wide = [define() for _ in range(3)]
    join = define(after=wide)
    after = define(after=[join])
    run = workflows.start(wide, with_downstream=True)
    broker.flushdb()
    until(lambda: run.refresh_from_db() or run.state == "completed", seconds=40)
    assert Execution.objects.get(workflow_id=run.pk, definition=after).attempts == 1


def test_a_batch_runs_through_its_lanes_and_is_closed_once(fleet, define, tmp_path):
    from django_celery_results.models import TaskResult

    fleet.worker()
    fleet.beat()
    out = tmp_path / "out"
    definition, failing = define(config={"path": str(out)}), define(config={"fail": "permanent"})
    batch = batches.start([definition.pk] * 200 + [failing.pk], max_parallel=2)
    until(lambda: batch.refresh_from_db() or batch.state != "running", seconds=60)
    assert batch.state == "failed"
    lines = out.read_text().splitlines()
    assert len([x for x in lines if x.startswith("END")]) == 200
    until(lambda: TaskResult.objects.filter(task_name="taskfleet.close_batch").count() == 1)
    assert TaskResult.objects.filter(task_name="taskfleet.lane").count() == 2
