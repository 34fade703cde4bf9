"""Shared counterparts: certificates made on the spot, and an HTTPS server that shows them."""

import contextlib
import http.server
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.crt, and good.pem (for localhost) and other.pem (for another name), both signed by it."""
    place = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30")
    openssl(*new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Test CA")
    for name, host in (("good", "localhost"), ("other", "elsewhere.test")):
        alternative = ("-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=critical,CA:FALSE")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", *alternative)
        openssl(*new, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={host}", *signed)
        pem = (place / f"{name}.key").read_text() + (place / f"{name}.crt").read_text()
        (place / f"{name}.pem").write_text(pem)
    return place


@pytest.fixture
def https(certificates: Path) -> Callable[[str], "contextlib.AbstractContextManager[str]"]:
    """https("good") serves on localhost with that certificate for the length of the block and gives its URL."""

    @contextlib.contextmanager
    def serve(certificate: str) -> Iterator[str]:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificates / f"{certificate}.pem")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"https://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)

    return serve
