"""The fence around code that opens its own connections."""

import os
import socket
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from executors.egress import Egress
from executors.errors import Failure
from executors.fence import fenced
from tests.executors.runs import HERE, failure_of

CLOSED, OPEN = Egress(), Egress.from_settings(HERE)


def behind(egress: Egress, work: Any) -> Failure:
    def inside() -> None:
        with fenced(egress):
            work()

    return failure_of(inside)


def test_a_forbidden_address_is_not_reached_by_any_library(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("inside")
    found = behind(CLOSED, lambda: urllib.request.urlopen(httpserver.url_for("/")))
    assert found.kind == "blocked_target"
    assert httpserver.log == []


def test_an_allowed_address_is_reached(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("inside")
    with fenced(OPEN), urllib.request.urlopen(httpserver.url_for("/")) as answer:
        assert answer.read() == b"inside"


def test_a_forbidden_port_is_not_reached(httpserver: HTTPServer) -> None:
    only = Egress.from_settings({**HERE, "http_allow_ports": [443]})
    assert behind(only, lambda: urllib.request.urlopen(httpserver.url_for("/"))).kind == "blocked_target"


def test_datagrams_and_local_sockets_are_judged_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        assert behind(CLOSED, lambda: udp.sendto(b"x", ("127.0.0.1", 514))).kind == "blocked_target"
    with socket.socket(socket.AF_UNIX) as local:
        local_path = str(tmp_path / "x")
        assert behind(OPEN, lambda: local.connect(local_path)).kind == "blocked_target"


def test_no_program_is_started() -> None:
    assert behind(OPEN, lambda: subprocess.run(["true"], check=True)).kind == "blocked_target"
    assert behind(OPEN, lambda: os.system("true")).kind == "blocked_target"


def test_the_fence_stands_only_in_its_block_and_its_thread(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("free")
    answers: list[bytes] = []

    def elsewhere() -> None:
        with urllib.request.urlopen(httpserver.url_for("/")) as answer:
            answers.append(answer.read())

    with fenced(CLOSED):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    elsewhere()
    assert answers == [b"free", b"free"]


def test_after_an_error_the_fence_is_gone(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("free")
    with pytest.raises(RuntimeError), fenced(CLOSED):
        raise RuntimeError
    with urllib.request.urlopen(httpserver.url_for("/")) as answer:
        assert answer.read() == b"free"
