"""Where secret values live: outside the database. A config only ever refers to them by name."""

import os
import re
from pathlib import Path

from executors.errors import PermanentFailure
from tasks_app.engine.clock import policy

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def secret(name: str) -> str:
    """The value of TASK_SECRET_<NAME>, or of the file of that name in TASK_SECRETS_DIR. Raises PermanentFailure."""
    if not _NAME.fullmatch(name):
        raise PermanentFailure(
            "A secret's name has letters, digits, dots, dashes and underscores.", kind="invalid_config"
        )
    variable = "TASK_SECRET_" + re.sub(r"[.-]", "_", name).upper()
    value = os.environ.get(variable)
    if value is not None:
        return value
    directory = policy().secrets_dir
    path = Path(directory) / name if directory else None
    if path is not None and path.is_file():
        return path.read_text().strip()
    raise PermanentFailure(
        f"Secret {name!r} is not set on this worker; set {variable} or add a file to TASK_SECRETS_DIR.",
        kind="invalid_config",
    )
