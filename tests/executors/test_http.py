"""The guarded door: what it refuses to dial, and how it ends calls that would not end."""

import gzip
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from executors.answers import Answer
from executors.errors import Failure
from executors.http import open_session
from tests.executors.runs import HERE, failure_of
from tests.executors.wild import drips, says, serving, silent

Https = Callable[[str], AbstractContextManager[str]]


def fetch(url: str, *, settings: Any = HERE, method: str = "GET", headers: Any = None, **options: Any) -> Answer:
    options = {"seconds": 5.0, "max_bytes": 1_000_000} | options
    with open_session(settings) as session:
        return session.fetch(requests.Request(method, url, headers=headers), **options)


def refused(url: str, **options: Any) -> Failure:
    return failure_of(lambda: fetch(url, **options))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "0x7f.1", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"),
        *("169.254.169.254", "10.0.0.1", "100.64.0.1", "[64:ff9b::7f00:1]", "user@127.0.0.1", "8.8.8.8@127.0.0.1"),
    ],
)
def test_hostile_spellings_of_inner_addresses_are_not_dialled(host: str, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("inside")
    assert refused(f"http://{host}:{httpserver.port}/", settings={}).kind == "blocked_target"
    assert httpserver.log == []


def test_an_allowed_network_is_dialled(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("inside")
    assert fetch(httpserver.url_for("/")).text() == "inside"


def test_a_port_that_is_not_listed_is_not_dialled(httpserver: HTTPServer) -> None:
    found = refused(httpserver.url_for("/"), settings={**HERE, "http_allow_ports": [443]})
    assert found.kind == "blocked_target"
    assert httpserver.log == []


def test_a_redirect_to_the_inside_is_not_followed(httpserver: HTTPServer) -> None:
    """The first hop is allowed by name; the redirect leads to an address that is not."""
    httpserver.expect_request("/").respond_with_response(Response(status=302, headers={"Location": "http://10.0.0.1/"}))
    assert refused(httpserver.url_for("/")).kind == "blocked_target"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/"])
def test_a_redirect_to_another_scheme_is_refused(httpserver: HTTPServer, target: str) -> None:
    httpserver.expect_request("/").respond_with_response(Response(status=302, headers={"Location": target}))
    assert refused(httpserver.url_for("/")).kind == "invalid_config"


def test_a_name_that_changes_its_answer_gains_nothing(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> None:
    """Whatever a second lookup would say, only the address that was judged is dialled."""
    real, lookups = socket.getaddrinfo, []

    def changing(host: Any, *rest: Any, **more: Any) -> Any:
        if host != "rebind.test":
            return real(host, *rest, **more)
        lookups.append(host)
        address = "192.0.2.1" if len(lookups) > 1 else "127.0.0.1"
        return real(address, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    httpserver.expect_request("/").respond_with_data("once")
    assert fetch(f"http://rebind.test:{httpserver.port}/").text() == "once"
    assert len(lookups) == 1


def test_one_forbidden_answer_of_a_name_forbids_it(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> None:
    real = socket.getaddrinfo

    def two(host: Any, *rest: Any, **more: Any) -> Any:
        if host != "both.test":
            return real(host, *rest, **more)
        return real("127.0.0.1", *rest, **more) + real("10.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    assert refused(f"http://both.test:{httpserver.port}/").kind == "blocked_target"


def test_the_second_address_is_tried_when_the_first_refuses(
    monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer
) -> None:
    real = socket.getaddrinfo

    def two(host: Any, *rest: Any, **more: Any) -> Any:
        if host != "both.test":
            return real(host, *rest, **more)
        return real("127.0.0.9", *rest, **more) + real("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    httpserver.expect_request("/").respond_with_data("second")
    assert fetch(f"http://both.test:{httpserver.port}/").text() == "second"


def test_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    httpserver.expect_request("/").respond_with_data("direct")
    assert fetch(httpserver.url_for("/")).text() == "direct"


def test_a_proxy_given_to_the_session_is_refused(httpserver: HTTPServer) -> None:
    with open_session(HERE) as session:
        found = failure_of(lambda: session.get(httpserver.url_for("/"), proxies={"http": "http://127.0.0.1:1"}))
    assert found.kind == "blocked_target"


def test_other_libraries_calls_through_the_session_are_guarded_too(httpserver: HTTPServer) -> None:
    with open_session({}) as session:
        assert failure_of(lambda: session.get(httpserver.url_for("/"))).kind == "blocked_target"


def test_a_refused_connection_is_a_network_error_without_path_or_query() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = refused(f"http://127.0.0.1:{port}/path?key=s3cret")
    assert (found.kind, found.message) == ("network_error", "127.0.0.1: Connection refused")


def test_a_name_that_does_not_exist_is_not_found() -> None:
    assert refused("http://does-not-exist.invalid/").kind in ("not_found", "network_error")
    assert refused("http://" + "a" * 64 + ".test/").kind == "not_found"


@pytest.mark.parametrize(
    ("before", "drop"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), (b"HTTP/1.1 200 OK\r\n", b"X-Slow: 1\r\n"), (b"", b"H")],
    ids=["body", "headers", "status line"],
)
def test_a_server_that_drips_is_ended_at_the_deadline(before: bytes, drop: bytes) -> None:
    with serving(drips(before, drop)) as url:
        begun = time.monotonic()
        found = refused(url, seconds=0.8)
        took = time.monotonic() - begun
    assert found.kind == "timeout"
    assert 0.7 < took < 5


def test_a_handshake_that_drips_is_ended_at_the_deadline() -> None:
    hello = b"\x16\x03\x03\x40\x00"
    with serving(drips(hello, b"\x02")) as url:
        begun = time.monotonic()
        found = refused(url.replace("http:", "https:"), seconds=0.8)
        took = time.monotonic() - begun
    assert found.kind == "timeout"
    assert took < 5


def test_a_silent_server_is_a_timeout() -> None:
    with serving(silent) as url:
        assert refused(url, seconds=0.5).kind == "timeout"


def test_a_call_ends_when_the_run_is_to_stop() -> None:
    asked = threading.Event()
    with serving(drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x")) as url:
        threading.Timer(0.3, asked.set).start()
        begun = time.monotonic()
        found = refused(url, seconds=30.0, should_stop=asked.is_set)
        took = time.monotonic() - begun
    assert found.kind == "stopped"
    assert took < 8


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nonly this",
        b"",
        b"nonsense\r\n\r\n",
    ],
    ids=["length", "chunk", "nothing", "nonsense"],
)
def test_a_cut_or_broken_answer_is_a_network_error(answer: bytes) -> None:
    with serving(says(answer)) as url:
        assert refused(url).kind == "network_error"


def test_a_body_that_is_not_what_its_encoding_says_is_a_bad_response() -> None:
    with serving(says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain")) as url:
        assert refused(url).kind == "bad_response"


def test_a_gzip_bomb_stops_at_the_cap_of_decoded_bytes(httpserver: HTTPServer) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    httpserver.expect_request("/").respond_with_data(bomb, headers={"Content-Encoding": "gzip"})
    assert "maxBytes" in refused(httpserver.url_for("/"), max_bytes=100_000).message
    answer = fetch(httpserver.url_for("/"), max_bytes=100_000, cut=True)
    assert (len(answer.body), answer.cut) == (100_000, True)


def test_a_body_of_exactly_the_cap_is_whole(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"x" * 1000)
    assert fetch(httpserver.url_for("/"), max_bytes=1000).cut is False
    assert refused(httpserver.url_for("/"), max_bytes=999).kind == "bad_response"


def test_a_redirect_loop_ends(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_response(Response(status=302, headers={"Location": "/"}))
    assert refused(httpserver.url_for("/")).kind == "bad_response"
    assert len(httpserver.log) == 6


def test_the_endless_body_of_a_redirect_is_not_read(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/there").respond_with_data("arrived")
    head = f"HTTP/1.1 302 Found\r\nLocation: {httpserver.url_for('/there')}\r\n\r\n".encode()
    with serving(drips(head, b"x" * 65536, every=0.0)) as url:
        answer = fetch(url, seconds=3.0)
    assert answer.text() == "arrived"
    assert answer.redirects == (httpserver.url_for("/there"),)


def test_credentials_do_not_follow_a_redirect_to_another_host(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/there").respond_with_data("arrived")
    away = f"http://127.0.0.1:{httpserver.port}/there"
    httpserver.expect_request("/").respond_with_response(Response(status=302, headers={"Location": away}))
    own = {"Authorization": "Bearer x", "X-Api-Key": "y", "Cookie": "z=1", "Accept": "text/plain"}
    fetch(f"http://localhost:{httpserver.port}/", headers=own)
    first, second = (request.headers for request, _ in httpserver.log)
    assert (first["Authorization"], first["X-Api-Key"]) == ("Bearer x", "y")
    assert {"Authorization", "X-Api-Key", "Cookie"}.isdisjoint(second.keys())
    assert second["Accept"] == "text/plain"


def test_credentials_stay_on_a_redirect_within_the_host(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/there").respond_with_data("arrived")
    httpserver.expect_request("/").respond_with_response(Response(status=302, headers={"Location": "/there"}))
    fetch(httpserver.url_for("/"), headers={"X-Api-Key": "y"})
    assert httpserver.log[-1][0].headers["X-Api-Key"] == "y"


def test_cookies_do_not_outlive_a_session(httpserver: HTTPServer) -> None:
    def answer(request: Request) -> Response:
        return Response(request.headers.get("Cookie", "none"), headers={"Set-Cookie": "who=me"})

    httpserver.expect_request("/").respond_with_handler(answer)
    assert [fetch(httpserver.url_for("/")).text() for _ in range(2)] == ["none", "none"]


def test_a_pooled_connection_is_ended_at_the_deadline_as_well() -> None:
    """The first answer leaves the connection open; the second drips on it."""
    connections = []

    def first_whole_then_drip(connection: socket.socket) -> None:
        connections.append(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfast")
        connection.recv(65536)
        drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x")(connection)

    with serving(first_whole_then_drip) as url, open_session(HERE) as session:
        assert session.fetch(requests.Request("GET", url), seconds=5, max_bytes=100).text() == "fast"
        begun = time.monotonic()
        found = failure_of(lambda: session.fetch(requests.Request("GET", url), seconds=0.5, max_bytes=10**6))
        took = time.monotonic() - begun
    assert (found.kind, took < 5, len(connections)) == ("timeout", True, 1)


def test_a_certificate_of_a_known_authority_is_accepted(https: Https, certificates: Path) -> None:
    with https("good") as url:
        answer = fetch(url, settings={**HERE, "http_ca_bundle": str(certificates / "ca.crt")})
    assert answer.text() == "hello"
    assert answer.tls is not None
    assert answer.tls["version"] == "TLSv1.3"
    assert "GMT" in answer.tls["expires"]


def test_an_unknown_authority_and_a_wrong_name_are_refused_for_good(https: Https, certificates: Path) -> None:
    with https("good") as url:
        assert refused(url).kind == "auth_failed"
    with https("other") as url:
        assert refused(url, settings={**HERE, "http_ca_bundle": str(certificates / "ca.crt")}).kind == "auth_failed"


def test_a_task_can_say_not_to_check_the_certificate(https: Https) -> None:
    with https("other") as url, pytest.warns(Warning, match="Unverified HTTPS"):
        assert fetch(url, verify=False).text() == "hello"
