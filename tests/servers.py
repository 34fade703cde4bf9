"""The servers of a test run: one embedded PostgreSQL and one Valkey, started before Django reads its settings.

A pytest plugin (`-p tests.servers`). TASK_TEST_PG_BINARIES names the binaries of another PostgreSQL to use instead.
"""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from config.local import postgres, valkey

_STARTED: list[Any] = []
_FOLDER: list[tempfile.TemporaryDirectory[str]] = []


def _start() -> None:
    folder = tempfile.TemporaryDirectory(prefix="taskfleet-tests-", ignore_cleanup_errors=True)
    _FOLDER.append(folder)
    Path(folder.name).chmod(0o711)
    other = os.environ.get("TASK_TEST_PG_BINARIES")
    binaries = Path(other) if other else None
    database = postgres.Server(Path(folder.name) / "pg", durable=False, binaries=binaries).start()
    broker = valkey.Server(Path(folder.name) / "valkey").start()
    _STARTED.extend([broker, database])
    os.environ["TASK_TEST_DATABASE_URL"], os.environ["TASK_TEST_BROKER_URL"] = database.url, broker.url


def _settings_environment() -> None:
    """What the acceptance tests turn small, and one broker database a test process."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    os.environ["DATABASE_URL"] = os.environ["TASK_TEST_DATABASE_URL"]
    os.environ["BROKER_URL"] = os.environ["TASK_TEST_BROKER_URL"].rsplit("/", 1)[0] + f"/{int(worker)}"
    os.environ.update(
        SECRET_KEY="tests-sign-nothing-that-matters-anywhere",
        TASK_EMBEDDED="1",
        TASK_LEASE_SECONDS="2",
        TASK_SWEEP_SECONDS="0.5",
        TASK_DISPATCH_SECONDS="0.2",
        TASK_SOFT_SHUTDOWN_SECONDS="2",
        TASK_EXECUTORS="tests.workload:Append,tests.workload:Stubborn",
        DJANGO_SETTINGS_MODULE="config.settings",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    if "TASK_TEST_DATABASE_URL" not in os.environ:
        _start()
    _settings_environment()
    return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where TASK_TEST_NO_SKIPS is set, a skipped test is a failed run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("TASK_TEST_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    for server in _STARTED:
        server.stop()
    for folder in _FOLDER:
        folder.cleanup()
    _STARTED.clear()
