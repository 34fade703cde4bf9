"""The embedded Valkey as its users meet it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from config.local import valkey
from config.local.embedded import ServerError
from tests.local.conftest import Eventually, Starter


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[valkey.Server]:
    with valkey.Server(tmp_path_factory.mktemp("valkey")) as running:
        yield running


def test_its_address_leads_to_a_broker_that_never_forgets_to_make_room(server: valkey.Server) -> None:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert client.set("key", "value")
        assert client.get("key") == "value"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_it_is_closed_to_whoever_does_not_know_the_password(server: valkey.Server) -> None:
    with (
        redis.Redis(port=server.port) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_its_password_stands_in_files_of_its_owner_and_in_no_argv(server: valkey.Server) -> None:
    password = urlsplit(server.url).password
    assert password is not None and server.process is not None
    for name in ("password", "valkey.conf"):
        assert (server.data_dir / name).stat().st_mode & 0o077 == 0
    assert password not in " ".join(psutil.Process(server.process.pid).cmdline())


def test_a_second_server_on_its_folder_is_refused(server: valkey.Server) -> None:
    second = valkey.Server(server.data_dir)
    second.stop_timeout_seconds = 0.2
    with pytest.raises(ServerError, match="another Valkey is running on"):
        second.start()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_queued_is_there_after_an_end_of_any_kind(
    tmp_path: Path, how: signal.Signals, eventually: Eventually
) -> None:
    server = valkey.Server(tmp_path / "vk").start()
    with redis.Redis.from_url(server.url) as client:
        client.rpush("queue", "message")
        eventually(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0)
    assert server.process is not None
    server.process.send_signal(how)
    server.process.wait()

    with server, redis.Redis.from_url(server.url) as client:
        assert client.lrange("queue", 0, -1) == [b"message"]


def test_it_ends_when_its_starter_is_killed(
    tmp_path: Path, starter: Starter, eventually: Eventually, gone: Callable[[int], bool]
) -> None:
    process = starter(
        "import time; from pathlib import Path; from config.local import valkey\n"
        f"server = valkey.Server(Path({str(tmp_path / 'vk')!r})).start()\n"
        "print(server.process.pid, flush=True); time.sleep(600)"
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())

    process.kill()

    eventually(lambda: gone(pid))


def test_a_folder_with_a_blank_in_its_name_is_as_good_as_any(tmp_path: Path) -> None:
    with valkey.Server(tmp_path / "my data"), valkey.Server(tmp_path / "my other data") as other:
        assert other.is_running()
