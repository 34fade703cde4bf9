"""supervisord.conf of the one-machine fleet, generated from `commands.py` at every start.

No secret stands in it: programs inherit the supervisor's environment. Called by `supervisor.py` only.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from config.local import commands
from config.local.commands import Program
from config.local.folder import REPOSITORY, DataFolder
from config.local.spawn import wrapped

MAX_INSTANCES = 8
# Stopped from the last to the first, one group after the other: no new work, then no new schedules, then the workers.
GROUPS = {"workers": 10, "flower": 20, "beat": 30, "web": 40}
# How long each may take before it is killed. Workers get their soft shutdown first; Flower, which keeps nothing, waits
# in vain for a broker that is gone.
STOP_SECONDS = {"workers": 10, "flower": 5, "beat": 10, "web": 15}


@dataclass(frozen=True)
class Plan:
    """What the supervisor shall run: each program with its group and whether it starts by itself."""

    program: Program
    group: str
    autostart: bool = True


def plan(scale: Mapping[str, int]) -> list[Plan]:
    """All instances a family may grow to are known from the start; scaling only starts and stops them."""
    workers = [
        Plan(commands.worker(family, instance=number), "workers", autostart=number <= scale.get(family, 1))
        for family in commands.POOLS
        for number in range(1, MAX_INSTANCES + 1)
    ]
    others = [Plan(program, program.name) for program in (commands.FLOWER, commands.BEAT, commands.WEB)]
    return workers + others


def render(*, folder: DataFolder, socket: Path, plans: list[Plan], soft_shutdown_seconds: float) -> str:
    sections = [
        _section("unix_http_server", {"file": socket, "chmod": "0700"}),
        _section("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": RPC_FACTORY}),
        _section("supervisord", _supervisord(folder)),
    ]
    for item in plans:
        sections.append(_section(f"program:{item.program.name}", _program(item, folder, soft_shutdown_seconds)))
    for group, priority in GROUPS.items():
        members = ",".join(item.program.name for item in plans if item.group == group)
        if members:
            sections.append(_section(f"group:{group}", {"programs": members, "priority": priority}))
    return "\n".join(sections)


RPC_FACTORY = "supervisor.rpcinterface:make_main_rpcinterface"


def _supervisord(folder: DataFolder) -> dict[str, object]:
    root_says_so = {"user": "root"} if os.geteuid() == 0 else {}
    return {
        "nodaemon": "true",
        "silent": "true",
        "logfile": folder.logs / "supervisor.log",
        "logfile_maxbytes": "5MB",
        "logfile_backups": 1,
        "pidfile": folder.run / "supervisor.pid",
        "childlogdir": folder.logs,
        **root_says_so,
    }


def stop_seconds(group: str, *, soft_shutdown_seconds: float) -> int:
    return STOP_SECONDS[group] + (ceil(soft_shutdown_seconds) if group == "workers" else 0)


def _program(item: Plan, folder: DataFolder, soft_shutdown_seconds: float) -> dict[str, object]:
    environment = {"environment": _environment(item.program.env)} if item.program.env else {}
    return {
        "command": _escaped(shlex.join(wrapped(item.program.argv))),
        "directory": REPOSITORY,
        "autostart": str(item.autostart).lower(),
        "autorestart": "true",
        "startsecs": 2,
        # Each failed start waits a second longer than the one before; a broker that is away for an hour is no reason
        # to give up.
        "startretries": 1000,
        # One process is asked to stop, never its group: a pool child that gets SIGTERM loses the run it holds.
        "stopsignal": "TERM",
        "stopasgroup": "false",
        "killasgroup": "true",
        "stopwaitsecs": stop_seconds(item.group, soft_shutdown_seconds=soft_shutdown_seconds),
        "redirect_stderr": "true",
        "stdout_logfile": folder.logs / f"{item.program.name}.log",
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 2,
        **environment,
    }


def _environment(values: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items())


def _section(name: str, options: Mapping[str, object]) -> str:
    lines = [f"{key} = {value if key in ALREADY_ESCAPED else _escaped(str(value))}" for key, value in options.items()]
    return "\n".join([f"[{name}]", *lines, ""])


ALREADY_ESCAPED = frozenset({"command", "environment"})


def _escaped(text: str) -> str:
    """supervisord expands %(name)s in every value."""
    return text.replace("%", "%%")
