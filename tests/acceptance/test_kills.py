"""Workers and their children are killed; every execution ends, and none runs twice at once."""

import os
import signal

import psutil
import pytest

from tasks_app.engine import control, trigger
from tasks_app.models import Attempt, Execution, Transition
from tests.fleet import until

pytestmark = pytest.mark.acceptance


def lines(path, what):
    if not path.exists():
        return []
    return [line.split()[1] for line in path.read_text().splitlines() if line.startswith(what)]


def state(execution):
    return Execution.objects.values_list("state", flat=True).get(pk=execution.pk)


def running_pid(execution):
    return until(
        lambda: (
            Attempt.objects.filter(execution_id=execution.pk, finished_at=None).values_list("pid", flat=True).first()
        ),
        what="the execution runs",
    )


def test_a_run_by_hand_completes_in_a_pool_child(fleet, define, tmp_path):
    worker = fleet.worker()
    execution = trigger.trigger(define(config={"path": str(tmp_path / "out")}))
    until(lambda: state(execution) == "completed")
    assert lines(tmp_path / "out", "END") == [str(execution.pk)]
    assert Attempt.objects.get(execution_id=execution.pk).pid not in (os.getpid(), worker.popen.pid)


def test_a_worker_killed_with_its_whole_tree_loses_nothing(fleet, define, tmp_path):
    victim = fleet.worker("victim")
    fleet.beat()
    gate, out = tmp_path / "gate", tmp_path / "out"
    execution = trigger.trigger(define(config={"path": str(out), "waitFor": str(gate)}))
    until(lambda: lines(out, "START"))
    fleet.worker("heir")
    victim.kill_tree()
    until(lambda: len(lines(out, "START")) == 2, seconds=20, what="another worker takes over")
    gate.touch()
    until(lambda: state(execution) == "completed")
    assert len(lines(out, "END")) == 1
    first, second = Attempt.objects.filter(execution_id=execution.pk).order_by("number")
    assert (first.outcome, first.worker, second.worker) == ("lost", "victim@test", "heir@test")
    assert second.started_at >= first.finished_at


def test_a_killed_pool_child_is_noticed_by_its_keeper_at_once(fleet, define, tmp_path):
    fleet.worker()
    fleet.beat()
    gate, out = tmp_path / "gate", tmp_path / "out"
    execution = trigger.trigger(define(config={"path": str(out), "waitFor": str(gate)}))
    until(lambda: lines(out, "START"))
    os.kill(running_pid(execution), signal.SIGKILL)
    until(lambda: len(lines(out, "START")) == 2, seconds=15)
    gate.touch()
    until(lambda: state(execution) == "completed")
    lost = Transition.objects.get(execution_id=execution.pk, new="retrying")
    assert (lost.actor, lost.reason) == ("keeper", "worker_lost")


def test_work_that_may_not_run_twice_is_not_run_again(fleet, define, tmp_path):
    fleet.worker()
    fleet.beat()
    out = tmp_path / "out"
    execution = trigger.trigger(define(config={"path": str(out), "waitFor": "/nonexistent"}, idempotent=False))
    until(lambda: lines(out, "START"))
    os.kill(running_pid(execution), signal.SIGKILL)
    until(lambda: state(execution) == "failed")
    execution.refresh_from_db()
    assert (execution.error_kind, len(lines(out, "START"))) == ("worker_lost", 1)


def test_work_that_kills_its_worker_each_time_ends_as_failed(fleet, define, tmp_path):
    fleet.worker()
    fleet.beat()
    out = tmp_path / "out"
    definition = define(config={"path": str(out), "waitFor": "/nonexistent"}, max_retries=2, initial_delay_ms=10)
    execution = trigger.trigger(definition)
    for attempt in (1, 2, 3):
        until(lambda n=attempt: len(lines(out, "START")) == n, seconds=15)
        os.kill(running_pid(execution), signal.SIGKILL)
        until(lambda: not Attempt.objects.filter(execution_id=execution.pk, finished_at=None).exists(), seconds=15)
    until(lambda: state(execution) == "failed")
    assert Attempt.objects.filter(execution_id=execution.pk).count() == 3


@pytest.mark.parametrize("how", ["regex", "sum"])
def test_cancel_ends_work_that_holds_the_interpreter_within_five_seconds(fleet, define, tmp_path, how):
    fleet.worker(TASK_LEASE_SECONDS="3")
    fleet.beat()
    stuck = trigger.trigger(define("stubborn", {"how": how}))
    pid = running_pid(stuck)
    sibling = trigger.trigger(define(config={"path": str(tmp_path / "out"), "seconds": 1}))
    control.cancel([stuck.pk])
    until(lambda: state(stuck) == "cancelled", seconds=5)
    until(lambda: state(sibling) == "completed")
    assert Attempt.objects.filter(execution_id=stuck.pk).count() == 1
    if how == "sum":
        until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, seconds=2)


def test_a_lease_outlives_long_work(fleet, define, tmp_path):
    fleet.worker()
    fleet.beat()
    execution = trigger.trigger(define(config={"path": str(tmp_path / "out"), "seconds": 5}))
    until(lambda: state(execution) == "completed")
    assert Attempt.objects.filter(execution_id=execution.pk).count() == 1


def test_work_beyond_its_time_fails_as_timeout_also_when_it_never_returns(fleet, define):
    fleet.worker()
    fleet.beat()
    polite = trigger.trigger(define(config={"seconds": 60}, timeout_seconds=0.5, max_retries=0))
    stuck = trigger.trigger(define("stubborn", {"how": "sum"}, timeout_seconds=1, max_retries=0))
    for execution in (polite, stuck):
        until(lambda e=execution: state(e) == "failed", seconds=12)
        execution.refresh_from_db()
        assert execution.error_kind == "timeout"


def test_sigterm_hands_back_what_does_not_end_in_time(fleet, define, tmp_path):
    gate, out = tmp_path / "gate", tmp_path / "out"
    leaving = fleet.worker("leaving")
    fleet.beat()
    execution = trigger.trigger(define(config={"path": str(out), "waitFor": str(gate)}))
    until(lambda: lines(out, "START"))
    fleet.worker("staying")
    leaving.stop()
    until(lambda: len(lines(out, "START")) == 2, seconds=10)
    gate.touch()
    until(lambda: state(execution) == "completed")
    execution.refresh_from_db()
    assert (execution.handed_back, execution.retries_used, len(lines(out, "END"))) == (1, 0, 1)


def test_a_flushed_broker_loses_nothing(fleet, broker, define, tmp_path):
    out = tmp_path / "out"
    definition = define(config={"path": str(out)})
    executions = [trigger.trigger(definition) for _ in range(200)]
    broker.flushdb()
    fleet.worker()
    fleet.beat()
    until(lambda: Execution.objects.filter(state="completed").count() == 200, seconds=60)
    assert sorted(lines(out, "END")) == sorted(str(e.pk) for e in executions)


def test_work_ends_before_its_lease_when_the_keeper_hears_nothing_from_the_database(fleet, define, tmp_path):
    fleet.worker("deaf")
    out = tmp_path / "out"
    execution = trigger.trigger(define(config={"path": str(out), "waitFor": "/nonexistent"}))
    until(lambda: lines(out, "START"))
    pid = running_pid(execution)
    keeper = next(p for p in fleet.processes[0].tree() if "tasks_app.worker" in p.cmdline())
    connected = {c.laddr.port for c in keeper.net_connections() if c.status == "ESTABLISHED"}
    silent = [
        p for p in psutil.process_iter(["name", "net_connections"]) if p.info["name"] == "postgres"
        and any(c.raddr and c.raddr.port in connected for c in p.info["net_connections"] or ())
    ]  # fmt: skip
    assert silent
    for backend in silent:
        backend.suspend()
    try:
        until(lambda: lines(out, "END") or not psutil.pid_exists(pid), seconds=2.5, what="the child ends its work")
    finally:
        for backend in silent:
            backend.resume()
