"""A program of its own that holds a process tree on a leash: it dies when its owner dies, and with it every descendant.

Started by `processes` as `python -I -S leash.py FD`; FD is a socket to the owner. The owner's first line is the order
(JSON); then `T` asks the tree to end, `K` ends it, and a closed socket, which is also what a killed owner leaves, ends
it too. Answers are JSON lines: started or failed, then the end. The leash adopts orphans (child subreaper), so that a
daemonised grandchild cannot slip away. Standard library only, and nothing of ours may be imported.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36
LINGER_SECONDS = 0.5
KILL_SECONDS = 5.0
_LIMITS = {
    "cpu_seconds": resource.RLIMIT_CPU,
    "memory_bytes": resource.RLIMIT_DATA,
    "file_bytes": resource.RLIMIT_FSIZE,
    "processes": resource.RLIMIT_NPROC,
    "open_files": resource.RLIMIT_NOFILE,
}


def main(descriptor: int) -> None:
    line = socket.socket(fileno=os.dup(descriptor))  # the lowest free number: select() stops at 1024
    os.close(descriptor)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    _prctl(_SET_SUBREAPER, 1)
    order, words = _first_line(line)
    leader = _start(json.loads(order), line)
    status, asked = _attend(leader, line, woken, words)
    _end_stragglers(leader, patience=0.0 if asked else LINGER_SECONDS)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    _say(
        line,
        code=os.waitstatus_to_exitcode(status),
        cpu_ms=round((used.ru_utime + used.ru_stime) * 1000),
        max_rss_kb=used.ru_maxrss,
    )


def _first_line(line: socket.socket) -> tuple[bytes, bytes]:
    """The order, and any words that came in right behind it."""
    received = b""
    while b"\n" not in received:
        chunk = line.recv(65536)
        if not chunk:
            sys.exit(0)
        received += chunk
    order, _, words = received.partition(b"\n")
    return order, words


def _start(order: dict[str, Any], line: socket.socket) -> int:
    """Fork the leader; a failure before its program runs comes back over a pipe that a successful exec closes."""
    failed, fail = os.pipe2(os.O_CLOEXEC)
    leader = os.fork()
    if leader == 0:
        _become(order, fail)
    os.close(fail)
    said = os.read(failed, 4096)
    if said:
        os.waitpid(leader, 0)
        line.sendall(said + b"\n")
        sys.exit(0)
    _say(line, pid=leader)
    return leader


def _become(order: dict[str, Any], fail: int) -> NoReturn:
    step = "start"
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        step = "cwd"
        os.chdir(order["cwd"])
        step = "limits"
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for name, wished in order["limits"].items():
            _limit(_LIMITS[name], wished)
        step = "command"
        os.execve(order["path"], order["argv"], order["env"])
    except BaseException as exc:
        text = {"failed": step, "errno": getattr(exc, "errno", None), "message": str(exc)}
        os.write(fail, json.dumps(text).encode()[:4000])
    os._exit(127)


def _limit(which: int, wished: int) -> None:
    """CPU gets a second between the warning signal and the kill; nothing is raised above what we have ourselves."""
    _, hard = resource.getrlimit(which)
    most = wished if hard == resource.RLIM_INFINITY else min(wished, hard)
    spare = 1 if which == resource.RLIMIT_CPU and most == wished else 0
    resource.setrlimit(which, (most, most + spare if hard == resource.RLIM_INFINITY else min(most + spare, hard)))


def _attend(leader: int, line: socket.socket, woken: int, words: bytes) -> tuple[int, bool]:
    """Wait for the leader's end, obeying the owner meanwhile: its wait status, and whether it was asked to end."""
    asked = False
    watched: list[Any] = [line, woken]
    while True:
        for word in words:
            asked = True
            _signal_tree(leader, signal.SIGTERM if word == ord("T") else signal.SIGKILL)
        while (found := _reap())[0]:
            if found[0] == leader:
                return found[1], asked
        ready = select.select(watched, [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
        words = line.recv(64) if line in ready else b""
        if line in ready and not words:
            _end_stragglers(leader, patience=0.0)
            sys.exit(0)


def _reap() -> tuple[int, int]:
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0


def _end_stragglers(leader: int, *, patience: float) -> None:
    """Give what the leader left behind a moment to end by itself, then kill until nothing is left."""
    begun = time.monotonic()
    while time.monotonic() < begun + patience + KILL_SECONDS:
        if time.monotonic() >= begun + patience:
            _signal_tree(leader, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def _signal_tree(leader: int, number: int) -> None:
    """The leader's group; a kill also goes to every child of ours, and so, turn by turn, to all descendants."""
    _send(os.killpg, leader, number)
    if number == signal.SIGKILL:
        for child in _children():
            _send(os.kill, child, number)


def _send(call: Any, target: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        call(target, number)


def _children() -> list[int]:
    """Processes whose parent is this one, read from /proc/*/stat: `pid (name) state ppid …`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid():
                found.append(int(entry.name))
    return found


def _say(line: socket.socket, **words: Any) -> None:
    with contextlib.suppress(OSError):
        line.sendall(json.dumps(words).encode() + b"\n")


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
