"""What `up` and the commands beside it say to the person at the terminal. Text only."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from config.local.control import ProgramState
from config.local.embedded import Embedded
from config.local.folder import DataFolder
from config.local.surroundings import FLOWER_USER, Addresses


def say(text: str) -> None:
    # A closed terminal must not keep anybody from stopping a fleet in order.
    with contextlib.suppress(OSError):
        print(text, flush=True)


def complain(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def starting(folder: DataFolder) -> None:
    say(f"Taskfleet is starting; its data is in {folder.root}")


def server_started(server: Embedded) -> None:
    say(f"{server.name} listens on 127.0.0.1:{server.port}")


def admin_created(name: str, password: str, *, was_given: bool) -> None:
    shown = "the one in TASK_ADMIN_PASSWORD" if was_given else password
    say("")
    say("The first administrator has been created" + (":" if was_given else "; this password is shown only now:"))
    say(f"  user      {name}")
    say(f"  password  {shown}")
    say("")


def note(addresses: Addresses, *, pid: int) -> dict[str, Any]:
    """What a fleet leaves for the next `make up` and for `status` to find; no secrets."""
    return {
        "pid": pid,
        "urls": {
            "Admin": f"{addresses.web}/admin/",
            "API docs": f"{addresses.web}/api/docs/",
            "Flower": f"{addresses.flower}/",
        },
    }


def ready(note: dict[str, Any], folder: DataFolder, *, took_seconds: float) -> None:
    say(f"Taskfleet is ready after {took_seconds:.0f} s.")
    urls(note)
    say(f"  Flower asks for user {FLOWER_USER} and the password in {folder.flower_password}")
    if "TASK_SCRIPT_ALLOWED_COMMANDS" not in os.environ:
        say(
            "  Scripts may run any command of this account; TASK_SCRIPT_ALLOWED_COMMANDS=git,pg_dump would narrow that."
        )
    say(f"  Logs are in {folder.logs}. Another terminal may run: python -m config.local status")
    say("Ctrl-C stops everything; `make up` goes on from here.")


def urls(note: dict[str, Any]) -> None:
    for name, url in note.get("urls", {}).items():
        say(f"  {name:<10}{url}")


def already_up(note: dict[str, Any], folder: DataFolder) -> None:
    complain(f"Taskfleet is already running from {folder.root} (process {note.get('pid', 'unknown')}).")
    if note.get("urls"):
        for name, url in note["urls"].items():
            complain(f"  {name:<10}{url}")
    else:
        complain("  It is still starting; its addresses appear in its own terminal.")
    complain("Stop it with Ctrl-C there or `python -m config.local stop`; for a second fleet set TASK_DATA_DIR.")


def stopping(soft_shutdown_seconds: float) -> None:
    say(f"\nStopping: running work has {soft_shutdown_seconds:g} s to finish and is handed back after that.")


def programs(states: list[ProgramState]) -> None:
    for state in states:
        say(f"  {state.name:<16}{state.state:<10}{state.description}")
