"""Talk to the running supervisor over its socket. Used by `up` and by the commands beside it (status, scale, stop).

The socket's path must fit into 107 bytes, so in a deep clone it stands in a private temporary folder; `run/socket`
says where.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from config.local.folder import DataFolder

LONGEST_SOCKET_PATH = 90  # 104 on the strictest system, less the pid supervisord appends while binding
PREFIX = "taskfleet-"
RUNNING, STOPPED_STATES = "RUNNING", frozenset({"STOPPED", "EXITED", "FATAL"})


class NotRunning(Exception):
    """No supervisor that takes orders answers on this folder's socket."""


@dataclass(frozen=True)
class ProgramState:
    name: str
    group: str
    state: str
    pid: int
    for_seconds: int
    description: str
    log: Path

    @property
    def is_running(self) -> bool:
        return self.state == RUNNING

    @property
    def full_name(self) -> str:
        return f"{self.group}:{self.name}"


class Control:
    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder

    def programs(self) -> list[ProgramState]:
        with self._connected() as rpc:
            return [_state(raw) for raw in rpc.getAllProcessInfo()]

    def start(self, full_name: str) -> None:
        with self._connected() as rpc:
            rpc.startProcess(full_name, False)

    def stop(self, full_name: str) -> None:
        with self._connected() as rpc:
            rpc.stopProcess(full_name, False)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        path = socket_path(self.folder)
        transport = SupervisorTransport(None, None, serverurl=f"unix://{path}")
        try:
            yield xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor
        except xmlrpc.client.Fault as error:  # it is on its way out, or was asked for what cannot be
            raise NotRunning(f"the supervisor answers {error.faultString}") from None
        except (OSError, xmlrpc.client.ProtocolError) as error:
            raise NotRunning(f"no supervisor answers on {path}: {error}") from None
        finally:
            transport.close()


def _state(raw: dict[str, Any]) -> ProgramState:
    return ProgramState(
        name=raw["name"],
        group=raw["group"],
        state=raw["statename"],
        pid=raw["pid"],
        for_seconds=max(0, int(time.time()) - raw["start"]) if raw["start"] else 0,
        description=raw["description"],
        log=Path(raw["stdout_logfile"]),
    )


def socket_path(folder: DataFolder) -> Path:
    try:
        return Path((folder.run / "socket").read_text().strip())
    except FileNotFoundError:
        raise NotRunning(f"nothing was ever started on {folder.root}") from None


def choose_socket(folder: DataFolder) -> Path:
    """Where the next supervisor listens: in the data folder when that is short enough."""
    remove_socket(folder)
    path = folder.run / "supervisor.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        parent = tempfile.gettempdir() if len(tempfile.gettempdir()) < LONGEST_SOCKET_PATH // 2 else "/tmp"
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)) / "s.sock"  # 0700 and a name nobody can guess
    (folder.run / "socket").write_text(f"{path}\n")
    return path


def remove_socket(folder: DataFolder) -> None:
    """Also the folder a killed fleet left in the temporary directory; only one we made ourselves."""
    try:
        path = socket_path(folder)
    except NotRunning:
        return
    path.unlink(missing_ok=True)
    if path.parent != folder.run and path.parent.name.startswith(PREFIX):
        shutil.rmtree(path.parent, ignore_errors=True)
    (folder.run / "socket").unlink(missing_ok=True)
