"""What a person sees of a run while it runs."""

import os

import pytest

from tasks_app.engine import trigger
from tasks_app.models import Execution, LogLine
from tests.fleet import until

pytestmark = pytest.mark.acceptance


def test_a_scripts_lines_are_readable_while_it_runs_with_secrets_taken_out(fleet, define, tmp_path):
    gate = tmp_path / "gate"
    script = f"echo first; echo password=hunter2hunter2; while [ ! -e {gate} ]; do sleep 0.05; done; echo last"
    fleet.worker()
    fleet.beat()
    execution = trigger.trigger(define("script", {"command": "sh", "args": ["-c", script]}, pool="script"))

    def messages():
        return list(LogLine.objects.filter(execution_id=execution.pk).order_by("id").values_list("message", flat=True))

    until(lambda: len(messages()) >= 2, seconds=30, what="lines while it runs")
    assert Execution.objects.get(pk=execution.pk).state == "running"
    assert messages()[0] == "first" and "hunter2" not in "".join(messages())
    gate.touch()
    until(lambda: Execution.objects.get(pk=execution.pk).state == "completed")
    assert messages()[-1] == "last"


def test_workers_of_the_previous_commit_and_of_this_one_share_the_schema(fleet, define, tmp_path, monkeypatch):
    """Rolling out: old code goes on working on the new schema, and loses nothing."""
    import subprocess

    from tests.fleet import ROOT

    old = tmp_path / "old"
    subprocess.run(["git", "worktree", "add", "--detach", str(old), "HEAD~1"], cwd=ROOT, check=True, capture_output=True)
    try:
        monkeypatch.setattr("tests.fleet.ROOT", old)
        fleet.worker("old", PYTHONPATH=str(old))
        monkeypatch.undo()
        fleet.worker("new")
        fleet.beat()
        definition = define(config={"path": str(tmp_path / "out"), "seconds": 0.05})
        for _ in range(40):
            trigger.trigger(definition)
        until(lambda: Execution.objects.filter(state="completed").count() == 40, seconds=60)
        workers = {w for w in fleet_workers()}
        assert workers == {"old@test", "new@test"}
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(old)], cwd=ROOT, check=True, capture_output=True)
    assert os.path.exists(ROOT / "manage.py")


def fleet_workers():
    from tasks_app.models import Attempt

    return set(Attempt.objects.values_list("worker", flat=True))
