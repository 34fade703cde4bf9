"""Make a database ready for the fleet: migrate, sync the built-in templates, first administrator, demo.

Run as a process of its own (`python -m config.local.prepare [--demo]`) by `up` and, without the demo, by
docker-compose.yml. Its last line on stdout is JSON for whoever started it; everything else goes to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction

EMAIL_DOMAIN = "localhost"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--demo", action="store_true", help="fill an empty database with a small demo")
    wants_demo = parser.parse_args().demo
    with contextlib.redirect_stdout(sys.stderr):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
        created = prepare(wants_demo=wants_demo)
    print(json.dumps({"admin_created": created}))


def prepare(*, wants_demo: bool) -> bool:
    """Whether the first administrator was made. Everything may be run again at any time."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("sync_templates")
    return _first_steps(wants_demo=wants_demo)


def _first_steps(*, wants_demo: bool) -> bool:
    """On a database without an administrator, all or nothing: a start that is interrupted here begins here again."""
    password = os.environ.get("TASK_ADMIN_PASSWORD", "")
    if not password or get_user_model()._default_manager.filter(is_superuser=True).exists():
        return False
    with transaction.atomic():
        _create_admin(os.environ.get("TASK_ADMIN_USER") or "admin", password)
        if wants_demo:
            call_command("load_demo")
    return True


def _create_admin(name: str, password: str) -> None:
    os.environ["DJANGO_SUPERUSER_PASSWORD"] = password
    call_command("createsuperuser", interactive=False, username=name, email=f"{name}@{EMAIL_DOMAIN}", verbosity=0)


if __name__ == "__main__":
    main()
