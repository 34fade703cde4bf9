"""TCP ports of this machine: is one free, which is the next free one. Called by the servers and by `up`."""

from __future__ import annotations

import errno
import socket

LAST_PORT = 65535
TRIES = 200


def is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now: nobody listens, and we may bind it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too; without it a port in TIME_WAIT would look taken after every restart.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True


def any_free(*, host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def next_free(wanted: int, *, host: str = "127.0.0.1", not_these: frozenset[int] = frozenset()) -> int:
    """`wanted` itself when it is free, else the first free one after it."""
    for port in range(wanted, min(wanted + TRIES, LAST_PORT) + 1):
        if port not in not_these and is_free(port, host=host):
            return port
    return any_free(host=host)
