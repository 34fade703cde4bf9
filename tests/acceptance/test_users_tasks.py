"""Plain Celery tasks of a user's app run on the same fleet, by Celery's own rules, and show in the history."""

import pytest
from celery import chord, current_app, group
from django_celery_results.models import TaskResult

from tests.fleet import until

pytestmark = pytest.mark.acceptance


@pytest.fixture
def worker(fleet):
    return fleet.worker(TASK_APPS="tests.userapp")


def test_a_shared_task_runs_untouched_and_is_listed_with_name_arguments_worker_and_result(worker):
    add = current_app.signature("tests.userapp.tasks.add", args=(2, 3))
    result = add.apply_async()
    assert result.get(timeout=30) == 5
    row = TaskResult.objects.get(task_id=result.id)
    assert (row.task_name, row.status, row.worker) == ("tests.userapp.tasks.add", "SUCCESS", "w1@test")
    assert "2" in row.task_args


def test_a_users_own_chord_and_failure_keep_celerys_way(worker):
    add = current_app.signature("tests.userapp.tasks.add")
    body = current_app.signature("tests.userapp.tasks.add", args=(10,), immutable=False)
    header = group([add.clone(args=(1, 1))])
    joined = chord(header, current_app.signature("celery.accumulate")).apply_async()
    assert joined.get(timeout=30) == [2] or joined.successful()
    assert body.args == (10,)
    failed = current_app.signature("tests.userapp.tasks.broken").apply_async()
    until(lambda: failed.state == "FAILURE", seconds=30)
    assert "as written" in TaskResult.objects.get(task_id=failed.id).traceback
