"""Which ports a fleet chooses, and what it says about it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config.local import ports
from config.local.chosen_ports import choose
from config.local.folder import DataFolder
from config.local.wishes import Wishes

# One process for all of them: they bind the same ports.
pytestmark = pytest.mark.xdist_group("ports")


@contextmanager
def somebody_on(port: int, *, host: str = "127.0.0.1") -> Iterator[None]:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        taken.listen()
        yield


@pytest.fixture
def wishes() -> Wishes:
    """Four free ports far enough apart for each to have free ones after it."""
    first = ports.next_free(20_000)
    found = [first]
    for _ in range(3):
        found.append(ports.next_free(found[-1] + 50))
    names = ("task_web_port", "task_flower_port", "task_postgres_port", "task_valkey_port")
    return Wishes.model_validate(dict(zip(names, found, strict=True)))


def test_the_ports_asked_for_are_taken_without_a_word(folder: DataFolder, wishes: Wishes) -> None:
    said: list[str] = []
    chosen = choose(folder, wishes, say=said.append)
    assert (chosen.web, chosen.flower) == (wishes.task_web_port, wishes.task_flower_port)
    assert (chosen.postgres, chosen.valkey) == (wishes.task_postgres_port, wishes.task_valkey_port)
    assert said == []


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_gives_the_next_free_one_and_says_so(folder: DataFolder, wishes: Wishes, host: str) -> None:
    said: list[str] = []
    with somebody_on(wishes.task_web_port, host=host):
        chosen = choose(folder, wishes, say=said.append)
    assert wishes.task_web_port < chosen.web < wishes.task_web_port + 50
    assert len(said) == 1
    assert f"{wishes.task_web_port} (web) is taken" in said[0]
    assert str(chosen.web) in said[0]
    assert "TASK_WEB_PORT" in said[0]


def test_servers_keep_the_port_they_had_and_say_when_they_cannot(folder: DataFolder, wishes: Wishes) -> None:
    said: list[str] = []
    with somebody_on(wishes.task_postgres_port):
        first = choose(folder, wishes, say=said.append)
    assert said == []  # nobody knows a server's port before the first start
    assert choose(folder, wishes, say=said.append).postgres == first.postgres != wishes.task_postgres_port
    assert said == []
    with somebody_on(first.postgres):
        assert choose(folder, wishes, say=said.append).postgres != first.postgres
    assert "postgres" in said[0]


def test_two_parts_that_ask_for_one_port_get_two(folder: DataFolder, wishes: Wishes) -> None:
    same = wishes.model_copy(update={"task_flower_port": wishes.task_web_port})
    chosen = choose(folder, same, say=lambda text: None)
    assert chosen.web != chosen.flower
