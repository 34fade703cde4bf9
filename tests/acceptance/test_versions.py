"""Rolling out: the previous commit's workers and this one's share a schema, whichever of the two made it."""

import json
import os
import subprocess
import sys

import psycopg
import pytest
from django.db import connection

from tasks_app.engine import trigger
from tasks_app.models import Attempt, Execution
from tests import fleet as fleets
from tests.fleet import ROOT, until

pytestmark = pytest.mark.acceptance
# Defines and triggers in one process, so that it may run either version of the code on either schema.
TRIGGER = """
import json, sys
from tasks_app.models import DefinitionHead, DefinitionVersion, TaskDefinition
from tasks_app.engine import trigger
definition = TaskDefinition.objects.create(name="rolling")
version = DefinitionVersion.objects.create(definition=definition, number=1, task_type="append",
    config={"path": sys.argv[-1]})
TaskDefinition.objects.filter(pk=definition.pk).update(current_version=version)
DefinitionHead.objects.create(definition=definition)
definition.refresh_from_db()
for _ in range(20):
    trigger.trigger(definition)
print(json.dumps(20))
"""


@pytest.fixture
def previous(tmp_path):
    """The previous commit's tree."""
    tree = tmp_path / "previous"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", str(tree), "HEAD~1"], check=True, capture_output=True)
    yield tree
    subprocess.run([*git, "remove", "--force", str(tree)], check=True, capture_output=True)


def test_old_workers_go_on_working_on_the_new_schema(fleet, define, previous, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(fleets, "ROOT", previous)
        fleet.worker("old", PYTHONPATH=str(previous))
    fleet.worker("new")
    fleet.beat()
    definition = define(config={"path": str(tmp_path / "out"), "seconds": 0.05})
    for _ in range(40):
        trigger.trigger(definition)
    until(lambda: Execution.objects.filter(state="completed").count() == 40, seconds=60)
    assert set(Attempt.objects.values_list("worker", flat=True)) == {"old@test", "new@test"}


def test_new_workers_work_on_the_old_schema(fleet, previous, tmp_path):
    settings = connection.settings_dict
    server = f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
    name = f"{settings['NAME']}_previous"
    with psycopg.connect(f"{server}/taskfleet", autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{name}"')
    environment = {**os.environ, "DATABASE_URL": f"{server}/{name}"}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=previous, env=environment | {"PYTHONPATH": str(previous)}, check=True)
    worker = ["celery", "-A", "config", "worker", "-Q", "default", "-n", "new@test", "-c", "2"]
    fleet.start("new", *worker, DATABASE_URL=environment["DATABASE_URL"])
    fleet.beat(DATABASE_URL=environment["DATABASE_URL"])
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{TRIGGER}", str(out)],
        cwd=ROOT, env=environment, check=True, capture_output=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == 20
    until(lambda: out.exists() and out.read_text().count("END ") == 20, seconds=60)
    with psycopg.connect(environment["DATABASE_URL"]) as old:
        until(lambda: _completed(old) == 20, seconds=20)


def _completed(database):
    (count,) = database.execute("SELECT count(*) FROM fleet_execution WHERE state = 'completed'").fetchone()
    database.rollback()
    return count
