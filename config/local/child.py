"""Become a program that dies with its parent: the small step between fork and exec.

Run by path (`python -I -S config/local/child.py [--signal N] [--parent PID] [--user NAME [--reach PATH]...] -- argv`),
by `spawn.py` and by every program in the supervisor's configuration. It replaces itself with the program, so the pid
its parent signals is the program's own. Standard library only, and never imported through the `config` package:
starting a child must not cost an import of Django or Celery.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 36, 47, 2
SECBIT_NO_SETUID_FIXUP = 4
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522
ANCESTOR = "TASKFLEET_PARENT_PID"


def main() -> None:
    options = _options()
    parent = options.parent or int(os.environ.get(ANCESTOR, 0)) or os.getppid()
    if options.user and os.geteuid() == 0:
        become(options.user, reach=[Path(path) for path in options.reach])
    die_with_parent(options.signal)
    # The parent may have gone before the line above took hold; nobody would ever stop us.
    if os.getppid() != parent:
        sys.exit(f"child: process {parent}, which started this program, is gone")
    os.environ[ANCESTOR] = str(os.getpid())
    try:
        os.execvp(options.command[0], options.command)
    except OSError as error:
        sys.exit(f"child: cannot start {options.command[0]}: {error.strerror}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--signal", type=int, default=signal.SIGTERM.value, help="sent to us when the parent dies")
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--user", default="", help="the account to run as when started by root")
    parser.add_argument("--reach", action="append", default=[], help="a path that account must be able to open")
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def die_with_parent(number: int) -> None:
    """Set after every change of user: the kernel forgets it whenever credentials change."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """From now on orphaned descendants become this process's children. Called by `up`, not by a child."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def become(user: str, *, reach: list[Path]) -> None:
    """Give up root for `user`, keeping the one right it cannot do without.

    A clone in root's home is closed to every other account. Opening it up would change directories that are not ours,
    so the process keeps a capability to pass closed directories instead, and only when there is one to pass.
    """
    account = pwd.getpwnam(user)
    wanted = needed_capability(reach) if sys.platform == "linux" else None
    if wanted is not None:
        # Capabilities outlive the change of user, and access(2), which initdb trusts, goes on counting them.
        _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.environ.update(HOME="/", USER=user, LOGNAME=user)
    if wanted is not None:
        _keep_only(wanted)


def needed_capability(paths: list[Path]) -> int | None:
    """None where everybody may pass, else the weakest capability that opens the way (containers often lack it)."""
    closed = [path for path in paths for part in (path, *path.parents) if not part.stat().st_mode & 0o001]
    if not closed:
        return None
    unrunnable = any(path.is_file() and not path.stat().st_mode & 0o001 for path in paths)
    fitting = (CAP_DAC_OVERRIDE,) if unrunnable else (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE)
    return next((capability for capability in fitting if _permitted() & (1 << capability)), None)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _permitted() -> int:
    sets = (_Sets * 2)()
    _libc("capget", ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), sets)
    return int(sets[0].permitted)


def _keep_only(capability: int) -> None:
    bit = 1 << capability
    sets = (_Sets * 2)(_Sets(bit, bit, bit), _Sets(0, 0, 0))
    _libc("capset", ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), sets)
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def _prctl(option: int, *arguments: int) -> None:
    padded = [*arguments, 0, 0, 0, 0][:4]
    _libc("prctl", option, *(ctypes.c_ulong(argument) for argument in padded))


def _libc(function: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments):
        error = ctypes.get_errno()
        sys.exit(f"child: {function} refused: {os.strerror(error)}")


if __name__ == "__main__":
    main()
