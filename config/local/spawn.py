"""Start a program that cannot outlive us: `child.py` in a new session, with its output in a file.

Called by the embedded servers and by the supervisor's starter. Call it from the main thread: the kernel sends the
parent's death notice when the *thread* that started the child ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CHILD = Path(__file__).with_name("child.py")


def wrapped(command: Sequence[str], *, death_signal: signal.Signals = signal.SIGTERM) -> list[str]:
    """The argv that becomes `command` and dies with whoever starts it."""
    return [sys.executable, "-I", "-S", str(CHILD), "--signal", str(death_signal.value), "--", *command]


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    death_signal: signal.Signals,
    user: str = "",
    reach: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    keep_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """A new session keeps the terminal's Ctrl-C away: we decide who stops, and in which order."""
    argv = wrapped(command, death_signal=death_signal)
    argv[argv.index("--") : argv.index("--")] = ["--parent", str(os.getpid()), *_account(user, reach)]
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ if env is None else env),
            start_new_session=True,
            pass_fds=tuple(keep_fds),
        )


def _account(user: str, reach: Sequence[Path]) -> list[str]:
    if not user:
        return []
    return ["--user", user, *(part for path in reach for part in ("--reach", str(path)))]
