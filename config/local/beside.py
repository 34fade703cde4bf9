"""The commands beside a running fleet: status, stop, scale, logs. Called by `__main__.py`; each gives an exit code."""

from __future__ import annotations

import os
import signal
import time

from config.local import commands, report
from config.local.control import Control, NotRunning
from config.local.folder import DataFolder, read_json, write_json
from config.local.only_one import is_alive, is_up
from config.local.ready import wanted
from config.local.supervisor_config import MAX_INSTANCES


def status(folder: DataFolder) -> int:
    """0 only when every program that should run does."""
    if not is_up(folder):
        report.say(f"Not running (data folder {folder.root}). Start it with: make up")
        return 3
    note = read_json(folder.running)
    report.say(f"Running as process {note.get('pid')}, data folder {folder.root}")
    report.urls(note)
    states = wanted(Control(folder).programs())
    report.programs(states)
    return 0 if all(state.is_running for state in states) else 1


def stop(folder: DataFolder) -> int:
    """Ask `up` to stop and wait until its last program has."""
    pid = read_json(folder.running).get("pid")
    if not is_up(folder):
        report.say("Not running.")
        return 0
    if isinstance(pid, int) and is_alive(pid):
        os.kill(pid, signal.SIGTERM)
    while is_up(folder):
        time.sleep(0.2)
    report.say("Stopped.")
    return 0


def scale(folder: DataFolder, family: str, count: int) -> int:
    """Kept for the next start; on a running fleet it holds at once. Workers that go finish or hand back their work."""
    if family not in commands.POOLS or not 0 <= count <= MAX_INSTANCES:
        report.complain(f"scale takes one of {', '.join(commands.POOLS)} and a number from 0 to {MAX_INSTANCES}")
        return 2
    folder.create()
    write_json(folder.scale, {**read_json(folder.scale), family: count})
    try:
        _scale_now(Control(folder), family, count)
    except NotRunning:
        report.say(f"{family} will have {count} process(es) from the next start on.")
        return 0
    report.say(f"{family} now has {count} process(es).")
    return 0


def _scale_now(control: Control, family: str, count: int) -> None:
    for state in control.programs():
        name, _, number = state.name.rpartition("-")
        if name != family:
            continue
        wanted_up = int(number) <= count
        if wanted_up and state.state in ("STOPPED", "EXITED", "FATAL"):
            control.start(state.full_name)
        elif not wanted_up and state.state in ("RUNNING", "STARTING", "BACKOFF"):
            control.stop(state.full_name)


def logs(folder: DataFolder, name: str, *, follow: bool) -> int:
    """The newest lines of one program's log (`logs web`, `logs worker-main-1`, `logs postgres`)."""
    servers = {"postgres": folder.postgres / "server.log", "valkey": folder.valkey / "server.log"}
    path = servers.get(name, folder.logs / f"{name}.log")
    if not path.exists() and name in commands.POOLS:
        path = folder.logs / f"{name}-1.log"
    if not path.exists():
        known = sorted(log.stem for log in folder.logs.glob("*.log"))
        known += [server for server, log in servers.items() if log.exists()]
        report.complain(f"no log called {name}; there are: {', '.join(known)}")
        return 2
    os.execvp("tail", ["tail", "-n", "100", *(["-F"] if follow else []), str(path)])
