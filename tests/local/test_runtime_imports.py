"""The fleet runs on requirements/runtime.txt alone: nothing it imports comes from the development tools by chance."""

from __future__ import annotations

import os
import subprocess
import sys

from config.local.folder import REPOSITORY

IMPORT_EVERYTHING = """
import importlib, pkgutil, re, sys
from importlib.metadata import packages_distributions
from pathlib import Path

def normal(name):
    return re.sub("[-_.]+", "-", name).lower()

pinned = {normal(name) for name in re.findall(r"^([\\w.-]+)==", Path("requirements/runtime.txt").read_text(), re.M)}
owners = packages_distributions()

class OnlyPinned:
    def find_spec(self, name, path=None, target=None):
        if path is None and name in owners and not pinned & {normal(owner) for owner in owners[name]}:
            raise ModuleNotFoundError(f"No module named {name!r} in requirements/runtime.txt", name=name)

sys.meta_path.insert(0, OnlyPinned())
import django
django.setup()
THEIRS = '''kombu.transport.redis kombu.transport.pyamqp celery.bin.celery celery.bin.worker celery.bin.beat
    celery.apps.worker celery.apps.beat celery.concurrency.prefork celery.concurrency.thread flower.command
    gunicorn.app.wsgiapp gunicorn.workers.gthread supervisor.supervisord supervisor.xmlrpc psycopg_pool'''
for name in THEIRS.split():
    importlib.import_module(name)
for package in ("executors", "tasks_app", "config"):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""


def test_every_module_of_the_fleet_can_be_imported_with_the_runtime_pins_alone() -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", IMPORT_EVERYTHING]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1500:]
