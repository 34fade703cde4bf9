"""The one door to the network: a `requests` session that dials only addresses it has judged.

Executors open it with `open_session(context.settings)` and call `fetch`; other libraries may be handed the session.
A name is resolved here, every answer is judged, and the judged address itself is dialled, so that a name that changes
its answer gains nothing; redirects and pooled connections pass the same way. No task type's meaning may come in here.
"""

import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import create_connection

from executors import watch
from executors.answers import Answer
from executors.egress import Egress
from executors.errors import NetworkError, PermanentFailure, TemporaryFailure, TimedOut
from executors.foreign import innermost_reason, kind_of

MAX_REDIRECTS = 5
Request = requests.Request
CONNECT_SECONDS = 10.0
CHUNK = 65536
USER_AGENT = "Taskfleet"
_HARMLESS = {"Accept", "Accept-Encoding", "Accept-Language", "Content-Length", "Content-Type", "User-Agent"}

urllib3.disable_warnings(InsecureRequestWarning)  # not to check a certificate is written in the task's own config


class GuardedSession(requests.Session):
    """A session behind the guard. It ignores proxy variables: a proxy would dial for us, unjudged."""

    def __init__(self, egress: Egress, *, ca_bundle: str | None = None) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = MAX_REDIRECTS
        self.verify = ca_bundle or True
        self.headers["User-Agent"] = USER_AGENT
        self.hooks["response"].append(_empty_redirect)
        self.adapters.clear()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _GuardedAdapter(egress))

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """On a redirect to another host only harmless headers go along; requests itself drops just Authorization."""
        leaves: bool = self.should_strip_auth(response.request.url, prepared_request.url)  # type: ignore[no-untyped-call]
        if leaves:
            for name in set(prepared_request.headers) - _HARMLESS:
                del prepared_request.headers[name]

    def fetch(
        self,
        request: Request,
        *,
        seconds: float,
        max_bytes: int,
        cut: bool = False,
        follow: bool = True,
        verify: bool = True,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """Send, and read the whole answer within `seconds`. A body beyond `max_bytes` is cut off, or refused."""
        begun = time.monotonic()
        try:
            with (
                watch.Watch(seconds, should_stop=should_stop),
                self._sent(request, seconds, follow, verify) as response,
            ):
                tls = getattr(response.raw.connection, "tls", None)
                body, whole = _read(response.raw, max_bytes)
        except (requests.RequestException, HTTPError, OSError) as exc:
            raise _in_words(exc, str(request.url)) from exc
        if not whole and not cut:
            raise PermanentFailure(
                f"The answer is larger than {max_bytes} bytes. Ask for less, or raise maxBytes.", kind="bad_response"
            )
        elapsed = time.monotonic() - begun
        return replace(_answer(response, body), elapsed_ms=round(elapsed * 1000), cut=not whole, tls=tls)

    def _sent(self, request: Request, seconds: float, follow: bool, verify: bool) -> requests.Response:
        return self.send(
            self.prepare_request(request),
            stream=True,
            timeout=(min(seconds, CONNECT_SECONDS), seconds),
            allow_redirects=follow,
            verify=self.verify if verify else False,
        )


def open_session(settings: Mapping[str, Any]) -> GuardedSession:
    """A fresh session under the operator's rule: no cookie and no credential outlives one execution."""
    return GuardedSession(Egress.from_settings(settings), ca_bundle=settings.get("http_ca_bundle"))


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._egress)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        raise PermanentFailure("Proxies are not used here: they would dial unchecked.", kind="blocked_target")


class _Guarded(HTTPConnection):
    """Replaces only how the socket is made: TLS still verifies the certificate against the host's name."""

    egress: Egress

    def _new_conn(self) -> socket.socket:
        sock = self._dial(self._judged_addresses())
        sys.audit("http.client.connect", self, self.host, self.port)
        _hold(sock)
        return sock

    def _dial(self, addresses: list[str]) -> socket.socket:
        """The first address that accepts; one that stays silent ends the attempt, or the waits would add up."""
        failed: OSError = OSError("no address")
        for address in addresses:
            try:
                return create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
            except TimeoutError as exc:
                raise ConnectTimeoutError(self, f"Connection to {self.host} timed out.") from exc
            except OSError as exc:
                failed = exc
        raise NewConnectionError(self, f"Connection to {self.host} failed: {failed}") from failed

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            _hold(self.sock)
        super().request(*args, **kwargs)

    def _judged_addresses(self) -> list[str]:
        """What the name resolves to. One forbidden answer forbids them all."""
        self.egress.check_port(self.port)
        host = self._dns_host.strip("[]")
        try:
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as exc:
            reason = _as_gaierror(exc)
            raise NameResolutionError(host, self, reason) from reason
        addresses = [str(row[4][0]) for row in found]
        for address in addresses:
            self.egress.check_address(address, host=host)
        return addresses


class _GuardedTLS(_Guarded, HTTPSConnection):
    tls: Mapping[str, str] | None = None

    def connect(self) -> None:
        """Notes what was negotiated now: a connection that the answer closes no longer knows."""
        super().connect()
        if isinstance(self.sock, ssl.SSLSocket):
            expires = str((self.sock.getpeercert() or {}).get("notAfter", ""))
            self.tls = {"version": self.sock.version() or "", "expires": expires}


def _pool_classes(egress: Egress) -> dict[str, type]:
    plain = type("GuardedHTTP", (_Guarded,), {"egress": egress})
    secure = type("GuardedHTTPS", (_GuardedTLS,), {"egress": egress})
    return {
        "http": type("GuardedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("GuardedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


def _hold(sock: socket.socket) -> None:
    current = watch.current()
    if current is not None:
        current.hold(sock)


def _as_gaierror(exc: Exception) -> socket.gaierror:
    """A name that IDNA cannot encode is a name that does not exist."""
    return exc if isinstance(exc, socket.gaierror) else socket.gaierror(socket.EAI_NONAME, "not a valid host name")


def _empty_redirect(response: requests.Response, **_: Any) -> None:
    """requests reads a redirect's body whole, without cap, before it follows; nobody wants that body."""
    if response.is_redirect:
        response.close()
        response.__dict__.update(_content=b"", _content_consumed=True)


def _read(raw: HTTPResponse, max_bytes: int) -> tuple[bytes, bool]:
    """Decoded bytes up to the cap, and whether that was all. `read1` returns what is there instead of waiting."""
    body = bytearray()
    while len(body) <= max_bytes:
        chunk = raw.read1(CHUNK, decode_content=True)
        if not chunk:
            return bytes(body), True
        body += chunk
    return bytes(body[:max_bytes]), False


def _answer(response: requests.Response, body: bytes) -> Answer:
    hops = tuple(hop.headers.get("Location", "") for hop in response.history)
    return Answer(
        status=response.status_code, headers=response.headers, body=body, url=response.url, elapsed_ms=0, redirects=hops
    )


def _in_words(exc: Exception, url: str) -> Exception:
    """The library's error as ours: which host, and the innermost reason; never the path or the query."""
    kind = kind_of(exc)
    said = f"{urlsplit(url).hostname or 'The URL'}: {innermost_reason(exc)}"
    if kind == "timeout":
        return TimedOut(said)
    if kind == "network_error":
        return NetworkError(said)
    return TemporaryFailure(said) if kind == "temporary_failure" else PermanentFailure(said, kind=kind)
