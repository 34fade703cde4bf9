"""Servers that behave badly on purpose: each is a function that gets the accepted socket and does what it likes."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

Behaviour = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """A loopback server for as long as the block lasts; gives its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepted: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def talk(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.recv(65536)
            behaviour(connection)
        with contextlib.suppress(OSError):
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            accepted.append(connection)
            thread = threading.Thread(target=talk, args=(connection,), daemon=True)
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in accepted:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in (accepting, *threads):
            thread.join(5)
        for connection in accepted:
            connection.close()


def says(text: bytes) -> Behaviour:
    return lambda connection: connection.sendall(text)


def drips(before: bytes, drop: bytes, *, every: float = 0.1) -> Behaviour:
    """Sends the first part at once and then a drop now and then, for ever: silence never lasts long."""

    def behaviour(connection: socket.socket) -> None:
        connection.sendall(before)
        while True:
            connection.sendall(drop)
            time.sleep(every)

    return behaviour


def silent(connection: socket.socket) -> None:
    """Takes whatever comes and never answers; ends when the caller hangs up."""
    while connection.recv(65536):
        pass
