"""The stage of a measurement: one durable PostgreSQL, one Valkey, a folder for logs and lines, and what processes
are told of them in their environment.

Ours and its peer share the servers, each with a database and a broker database of its own. Called by every measurement.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.noop import EXECUTORS
from config.local import postgres, valkey

PEER_DATABASE = "peer"


@dataclass(frozen=True)
class Stage:
    """Running servers. Their addresses hold passwords: they go into environments, never into output."""

    folder: Path
    postgres: postgres.Server
    valkey: valkey.Server

    @property
    def lines(self) -> Path:
        """Where the measured work leaves its lines."""
        return self.folder / "lines"

    def ours(self, **more: str) -> dict[str, str]:
        """The environment of the product's processes: its defaults, plus the measured executors."""
        return {
            **_bare(),
            "DATABASE_URL": self.postgres.url,
            "BROKER_URL": self.valkey.url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "measurements-sign-nothing-that-matters",
            "TASK_EMBEDDED": "1",
            "TASK_EXECUTORS": EXECUTORS,
            "TASK_DATA_DIR": str(self.folder / "data"),
            **more,
        }

    def peer(self) -> dict[str, str]:
        """The environment of the peer's processes."""
        return {
            **_bare(),
            "PEER_DATABASE_URL": self.postgres.url_of(PEER_DATABASE),
            "PEER_BROKER_URL": self.valkey.url.rsplit("/", 1)[0] + "/1",
            "PEER_LINES": str(self.lines),
            "DJANGO_SETTINGS_MODULE": "bench.peer.settings",
        }

    def connect(self, *, peer: bool = False) -> psycopg.Connection[Any]:
        """A connection of the measurement's own, for looking at the store."""
        url = self.postgres.url_of(PEER_DATABASE) if peer else self.postgres.url
        return psycopg.connect(url, autocommit=True)

    def forget_lines(self) -> None:
        self.lines.write_text("")


@contextmanager
def staged(parent: Path | None = None) -> Iterator[Stage]:
    """Servers with fsync and synchronous_commit on, in a new folder below `parent` (default: the temporary one)."""
    folder = Path(tempfile.mkdtemp(prefix="taskfleet-bench-", dir=parent))
    folder.chmod(0o711)
    database, broker = postgres.Server(folder / "postgres", durable=True), valkey.Server(folder / "valkey")
    try:
        with database, broker:
            with psycopg.connect(database.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {PEER_DATABASE}")
                _refuse_unless_durable(connection)
            yield Stage(folder, database, broker)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_unless_durable(connection: psycopg.Connection[Any]) -> None:
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
        if row != ("on",):
            raise SystemExit(f"{setting} is {row}: rates measured so would mean nothing")


def _bare() -> dict[str, str]:
    """Nothing of the caller's own fleet."""
    ours = ("TASK_", "PEER_", "DATABASE_", "BROKER_", "DJANGO_", "PG", "CELERY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
