"""The environment of the fleet's processes: what was already set stays, what was not is filled in.

Called by `up`. Values may be secrets: they are handed on through the environment of processes, never printed or logged.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from config.local import secret_files
from config.local.child import ANCESTOR
from config.local.folder import DataFolder

HOST = "127.0.0.1"
FLOWER_USER = "admin"


@dataclass(frozen=True)
class Addresses:
    web: str
    flower: str
    database_url: str
    broker_url: str

    @classmethod
    def local(cls, *, web_port: int, flower_port: int, database_url: str, broker_url: str) -> Addresses:
        return cls(f"http://{HOST}:{web_port}", f"http://{HOST}:{flower_port}", database_url, broker_url)


def environment(folder: DataFolder, addresses: Addresses) -> dict[str, str]:
    """Given by the operator first; then ours; where the fleet itself decides, ours alone."""
    env = {**_defaults(folder, addresses), **os.environ, **_decided(folder, addresses)}
    env.pop(ANCESTOR, None)  # whoever started `up` is no parent of what `up` starts
    return env


def _defaults(folder: DataFolder, addresses: Addresses) -> dict[str, str]:
    return {
        "SECRET_KEY": secret_files.kept(folder.secret_key, length_bytes=48),
        "TASK_EMBEDDED": "1",
        "TASK_PUBLIC_URL": addresses.web,
        "TASK_FLOWER_URL": addresses.flower,
        # A web page elsewhere must not reach us under a name of its own (DNS rebinding).
        "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
    }


def _decided(folder: DataFolder, addresses: Addresses) -> dict[str, str]:
    web, flower = (address.removeprefix("http://") for address in (addresses.web, addresses.flower))
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": addresses.database_url,
        "BROKER_URL": addresses.broker_url,
        "TASK_DATA_DIR": str(folder.root),
        "GUNICORN_CMD_ARGS": f"--bind={web} {os.environ.get('GUNICORN_CMD_ARGS', '')}".strip(),
        "FLOWER_ADDRESS": HOST,
        "FLOWER_PORT": flower.rpartition(":")[2],
        "FLOWER_BASIC_AUTH": f"{FLOWER_USER}:{secret_files.kept(folder.flower_password)}",
    }
