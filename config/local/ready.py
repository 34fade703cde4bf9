"""Is the fleet ready: every program running, the web answering, every worker and beat found over the broker?

Called by `up` while it waits. It asks the way a stranger would, over HTTP and the broker, never by reading logs.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from config.local import commands
from config.local.commands import Program
from config.local.control import Control, NotRunning, ProgramState

LOG_LINES = 8
SAY_EVERY_SECONDS = 15.0


class NotReady(Exception):
    """The fleet did not come up; the text names what is missing and shows the end of its log."""


def wait_until_ready(
    control: Control,
    *,
    live_url: str,
    expected: Collection[Program],
    env: Mapping[str, str],
    within_seconds: float,
    still_alive: Callable[[], bool],
    say: Callable[[str], None],
) -> None:
    """`expected` are the programs that shall run. Raises NotReady."""
    nodes = [node for program in expected if (node := commands.node_of(program))]
    checks: list[Callable[[], list[str]]] = [
        lambda: _not_running(control, {program.name for program in expected}),
        lambda: [] if _answers(live_url) else [f"web does not answer on {live_url}"],
        lambda: _silent_workers(nodes, env),
    ]
    began = said = time.monotonic()
    for check in checks:
        while problems := check():
            if not still_alive() or time.monotonic() > began + within_seconds:
                raise NotReady(_explanation(control, problems))
            if time.monotonic() > said + SAY_EVERY_SECONDS:
                said = time.monotonic()
                say(f"Still waiting: {'; '.join(problems)}")
            time.sleep(0.2)


def _not_running(control: Control, expected: Collection[str]) -> list[str]:
    try:
        programs = [program for program in control.programs() if program.name in expected]
    except NotRunning as error:
        return [str(error)]
    return [f"{each.name} is {each.state}: {each.description}" for each in programs if not each.is_running]


def wanted(programs: list[ProgramState]) -> list[ProgramState]:
    """Without the instances nobody scaled up to."""
    return [program for program in programs if program.state != "STOPPED"]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _silent_workers(nodes: Collection[str], env: Mapping[str, str]) -> list[str]:
    """Ping over the broker with a bare Celery: ours would load all of Django once more, only to say hello."""
    if not nodes:
        return []
    bare = {**env, "CELERY_BROKER_URL": env["BROKER_URL"]}
    command = ["celery", "inspect", "ping", "--json", "--timeout", "2", "--destination", ",".join(nodes)]
    done = subprocess.run(command, env=bare, cwd="/", capture_output=True, text=True, check=False)
    try:
        found = set(json.loads(done.stdout or "{}"))
    except ValueError:
        found = set()
    return [f"{node} does not answer over the broker yet" for node in nodes if node not in found]


def _explanation(control: Control, problems: list[str]) -> str:
    try:
        failing = [program for program in wanted(control.programs()) if not program.is_running]
    except NotRunning:
        failing = []
    return "\n".join([*problems, *(f"{program.log} ends:\n{tail(program.log)}" for program in failing)])


def tail(log: Path, *, lines: int = LOG_LINES) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join("  " + line for line in text.splitlines()[-lines:])
