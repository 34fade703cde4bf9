"""The broker away, silent, or another one: the rows are there, and go out when it is back."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import requests
from django.contrib.auth.models import User

from config.local import valkey
from config.local.ports import any_free
from tasks_app.engine import trigger
from tasks_app.models import Execution
from tests.fleet import Process, until

pytestmark = pytest.mark.acceptance
RABBIT = shutil.which("rabbitmq-server") or "/usr/sbin/rabbitmq-server"


def web(fleet, **environment):
    """A web process and a session that is logged in."""
    port = any_free()
    command = ["gunicorn", "config.wsgi", "--worker-class", "gthread", "--threads", "8", "--no-control-socket"]
    fleet.start("web", *command, "--bind", f"127.0.0.1:{port}", **environment)
    root = f"http://127.0.0.1:{port}"
    until(lambda: _answers(root), seconds=60, what="the web process answers")
    User.objects.create_superuser("ann", password="correct horse battery")
    session = requests.Session()
    answer = session.post(f"{root}/api/v1/auth/token/", json={"username": "ann", "password": "correct horse battery"})
    session.headers["Authorization"] = f"Bearer {answer.json()['access']}"
    return root, session


def _answers(root):
    try:
        return requests.get(f"{root}/health/live", timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture
def silent_port():
    """Accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        yield server.getsockname()[1]


def execute_many(root, session, definition, times):
    """How long each answer took; all are 202."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        answer = session.post(f"{root}/api/v1/tasks/{definition.pk}/execute/", json={}, timeout=30)
        took.append(time.monotonic() - began)
        assert answer.status_code == 202, answer.text
    return sorted(took)


@pytest.mark.parametrize("kind", ["refused", "silent"])
def test_execute_answers_in_time_without_a_broker(fleet, define, silent_port, kind):
    port = any_free() if kind == "refused" else silent_port
    root, session = web(fleet, BROKER_URL=f"redis://127.0.0.1:{port}/0")
    took = execute_many(root, session, define(), 100)
    assert took[98] <= 1.5, f"p99 {took[98]:.2f} s"
    assert Execution.objects.filter(state="pending").count() == 100


def test_rows_go_out_by_themselves_when_the_broker_is_back(fleet, define, tmp_path):
    port = any_free()
    server = valkey.Server(tmp_path / "valkey", port)
    server.data_dir.mkdir(parents=True, exist_ok=True)
    url = server.start().url
    server.stop()
    fleet.environment["BROKER_URL"] = url
    root, session = web(fleet)
    fleet.beat()
    execute_many(root, session, define(), 20)
    server.start()
    try:
        fleet.worker()
        until(lambda: Execution.objects.filter(state="completed").count() == 20, seconds=60)
    finally:
        server.stop()


@pytest.fixture
def rabbit():
    """A RabbitMQ of the test's own. Debian runs it as a user of its own: its folder must be open to that user."""
    if not os.access(RABBIT, os.X_OK):
        pytest.skip("no rabbitmq-server on this machine")
    port = any_free()
    with tempfile.TemporaryDirectory(prefix="taskfleet-rabbit-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o777)
        with (folder / "output").open("wb") as log:
            popen = subprocess.Popen(
                [RABBIT], env=os.environ | _settings(folder, port), stdout=log, stderr=log, start_new_session=True
            )
        process = Process("rabbitmq", popen, folder / "output")
        try:
            until(lambda: _accepts(port), seconds=90, what="RabbitMQ is up")
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            process.kill_tree()


def _settings(folder, port):
    names = {"MNESIA_BASE": "mnesia", "LOG_BASE": "log", "ENABLED_PLUGINS_FILE": "plugins", "CONFIG_FILE": "none"}
    return {f"RABBITMQ_{key}": str(folder / value) for key, value in names.items()} | {
        "RABBITMQ_NODENAME": f"taskfleet{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(any_free()),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "HOME": str(folder),
    }


def _accepts(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(connection.recv(1))
    except OSError:
        return False


def test_a_fleet_runs_on_rabbitmq(fleet, define, rabbit, tmp_path):
    fleet.environment["BROKER_URL"] = rabbit
    fleet.worker()
    fleet.beat()
    out = tmp_path / "out"
    executions = [trigger.trigger(define(config={"path": str(out)})) for _ in range(20)]
    until(lambda: Execution.objects.filter(state="completed").count() == 20, seconds=60)
    ends = [line.split()[1] for line in out.read_text().splitlines() if line.startswith("END")]
    assert sorted(ends) == sorted(str(e.pk) for e in executions)
