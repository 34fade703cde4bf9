"""What a person sees of a run while it runs."""

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
