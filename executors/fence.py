"""Puts the egress rule around code that opens its own connections, for the length of a `with` block, in this thread.

Used where a library cannot be given our session. The interpreter announces each connection before it is made (audit
events); here the address is judged by the same rule, and programs are not started at all. Connections made by a
library's own C code are not announced: such libraries do not belong behind this fence.
"""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from executors import watch
from executors.egress import Egress
from executors.errors import PermanentFailure

_DIALS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_STARTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"})
_thread = threading.local()
_lock = threading.Lock()
_installed = False


@contextmanager
def fenced(egress: Egress) -> Iterator[None]:
    """Inside, this thread connects only where the rule allows. Raises PermanentFailure where it does not."""
    _install()
    _thread.egress = egress
    try:
        yield
    finally:
        _thread.egress = None


def _install() -> None:
    """Once a process: an audit hook cannot be taken away again. Outside a fence it costs one set lookup."""
    global _installed
    with _lock:
        if not _installed:
            sys.addaudithook(_announced)
            _installed = True


def _announced(event: str, args: tuple[Any, ...]) -> None:
    if event not in _DIALS and event not in _STARTS:
        return
    egress: Egress | None = getattr(_thread, "egress", None)
    if egress is None:
        return
    if event in _STARTS:
        raise PermanentFailure("A notification may not start a program.", kind="blocked_target")
    try:
        _judge(egress, args[0], args[1])
    except PermanentFailure:
        if event == "socket.connect":
            args[0].close()  # libraries close what fails with an OSError, and this must not be one
        raise


def _judge(egress: Egress, sock: socket.socket, address: Any) -> None:
    """Only plain internet addresses: a name would be resolved after we looked, a path leads to a local service."""
    if address is None:
        return  # an already connected socket: judged when it connected
    if not isinstance(address, tuple) or not _is_literal(str(address[0])):
        raise PermanentFailure("A notification may only go to an internet address.", kind="blocked_target")
    egress.check_port(int(address[1]))
    egress.check_address(str(address[0]), host="The target")
    current = watch.current()
    if current is not None:
        current.hold(sock)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
