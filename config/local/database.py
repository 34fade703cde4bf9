"""Run `prepare.py` for `up`, in a process of its own, so that Django's memory is given back afterwards."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.local import commands
from config.local.folder import REPOSITORY
from config.local.ready import tail
from config.local.spawn import wrapped
from config.local.wishes import Wishes


class NotPrepared(Exception):
    """Migrations, templates or the demo failed; the text ends with the log."""


def prepare(wishes: Wishes, *, env: Mapping[str, str], log: Path) -> str | None:
    """The first administrator's password if one was made just now, None otherwise."""
    password = wishes.task_admin_password or secrets.token_urlsafe(9)
    admin = {"TASK_ADMIN_USER": wishes.task_admin_user, "TASK_ADMIN_PASSWORD": password}
    answer = _run([*commands.PREPARE.argv, "--demo"], env={**env, **admin}, log=log)
    return password if answer["admin_created"] else None


def _run(command: list[str], *, env: Mapping[str, str], log: Path) -> dict[str, Any]:
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            wrapped(command), env=env, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        ) as process,
    ):
        try:
            output, _ = process.communicate()
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise NotPrepared(f"The database could not be prepared; {log} ends:\n{tail(log, lines=25)}")
    return dict(json.loads(output.splitlines()[-1]))
