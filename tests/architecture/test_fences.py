"""The fences of .importlinter stand, bite, and enclose everything; and what import-linter cannot see."""

import ast
import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from config import app
from tests.architecture.sources import PACKAGES, ROOT, imported, sources

LINT = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
CELERY_ROOMS = {"config/celery.py", "tasks_app/broker", "tasks_app/worker"}
# Modules that dial by themselves and share a package with harmless ones.
DIALLERS = ("asyncio.open_connection", "http.client", "multiprocessing.connection", "urllib.request", "xmlrpc")
MAY_DIAL = {
    "executors/foreign.py",  # the errors of http.client are translated by their classes
    "config/local/ready.py",  # asks the fleet of this machine whether it answers
    "config/local/control.py",  # its supervisor is spoken to over a socket of this machine
}
ROOMS_WITH_QUERIES = {"tasks_app/models", "tasks_app/engine", "tasks_app/queries", "tasks_app/admin"}
VIOLATIONS = {
    "tasks_app/engine/clock.py": ("import celery", "celery"),
    "tasks_app/domain/states.py": ("import django", "pure"),
    "executors/output.py": ("import requests", "network"),
    "tasks_app/queries/keyset.py": ("from tasks_app.engine import rows", "rooms"),
    "tasks_app/api/pages.py": ("from executors import registry", "registry"),
    "tasks_app/api/errors.py": ("from tasks_app.engine import rows", "statements"),
    "tasks_app/admin/words.py": ("from tasks_app.engine import moves", "gate"),
    "tasks_app/engine/rows.py": ("from tasks_app.engine import claim", "rings"),
    "tasks_app/newroom/__init__.py": ("", "rooms"),
    "executors/newfamily.py": ("", "executors"),
    "config/settings.py": ("from config import local", "one_machine"),
    "templates_library/catalogue.py": ("from tests import river", "proofs"),
}


def contracts() -> dict[str, str]:
    """The names of all contracts by their ids."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {section.removeprefix(prefix): parser[section]["name"] for section in parser if section.startswith(prefix)}


def lint(folder: Path) -> str:
    env = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    found = subprocess.run(LINT, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    return found.stdout + found.stderr


def test_every_fence_is_kept() -> None:
    said = lint(ROOT)
    assert [name for name in contracts().values() if f"{name} KEPT" not in said] == [], said[-3000:]


def test_every_fence_bites(tmp_path: Path) -> None:
    """One violation of each, in a copy."""
    for package in (*PACKAGES, "tests"):
        if (ROOT / package).is_dir():
            shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy2(ROOT / ".importlinter", tmp_path)
    for file, (line, _) in VIOLATIONS.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        with (tmp_path / file).open("a") as handle:
            handle.write(f"\n{line}\n")
    said = lint(tmp_path)
    names = contracts()
    assert [fence for _, fence in VIOLATIONS.values() if f"{names[fence]} BROKEN" not in said] == [], said[-3000:]


def test_every_package_of_the_root_stands_in_the_fences() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    fenced = set(parser["importlinter"]["root_packages"].split())
    floors = parser["importlinter:contract:root"]["layers"].replace("|", " ").split()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == fenced == set(floors)


def test_celery_is_named_where_messages_are_sent_and_taken_only() -> None:
    """Also inside functions, where a lazy import would hide from a reader."""
    users = {
        source.path
        for source in sources("config", "executors", "tasks_app", "templates_library")
        for _, name in imported(source.tree)
        if name.split(".")[0] in {"celery", "kombu", "billiard"}
    }
    assert [path for path in users if not any(path.startswith(room) for room in CELERY_ROOMS)] == []


def test_nobody_dials_past_the_doors() -> None:
    diallers = {
        source.path
        for source in sources("config", "executors", "tasks_app", "templates_library")
        for _, name in imported(source.tree)
        if name.startswith(DIALLERS)
    }
    assert diallers == MAY_DIAL


def test_this_machines_name_is_all_that_is_asked_of_sockets_outside_executors() -> None:
    """`tasks_app` may import socket for one function of it."""
    asked = {
        node.attr
        for source in sources("tasks_app")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "socket"
    }
    assert asked <= {"gethostname"}


def test_tables_are_asked_in_their_rooms_only() -> None:
    """The faces know model classes, not queries: what may be asked, and what it costs, is decided in one place."""
    asking = [
        f"{source.path}:{node.lineno}"
        for source in sources("tasks_app", "executors")
        if source.room not in ROOMS_WITH_QUERIES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager"}
    ]
    assert asking == []


@pytest.mark.parametrize("name", ["accept_content", "result_accept_content"])
def test_a_message_is_json_or_refused(name: str) -> None:
    """Celery would unpickle, and so run, whatever a stranger puts into the broker."""
    assert list(app.conf[name]) == ["json"]
    assert (app.conf.task_serializer, app.conf.result_serializer) == ("json", "json")
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
