"""Every row of the table from foreign exceptions to kinds, and what a failure tells."""

import errno
import http.client
import json
import smtplib
import socket
import ssl
import subprocess
from typing import Any

import pydantic
import pytest
import requests
import urllib3.exceptions as u3

from executors import errors, foreign
from executors.contract import Config
from executors.errors import classify


class _Limits(Config):
    size: int


def _validation_error() -> pydantic.ValidationError:
    try:
        _Limits.model_validate({"size": "s3cret-input"})
    except pydantic.ValidationError as exc:
        return exc
    raise AssertionError


def _http_error(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError("answered", response=response)


def _named(dotted: str) -> BaseException:
    """An exception of a library that is not imported: a class with that very name."""
    module, _, name = dotted.rpartition(".")
    return type(name, (Exception,), {"__module__": module, "__qualname__": name})("it said so")


def _wrapped(inner: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(u3.MaxRetryError(None, "/x", inner))  # type: ignore[arg-type]


_POOL: Any = None
_NO_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
_UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed")

SAMPLES: list[tuple[BaseException, str]] = [
    (MemoryError(), "out_of_memory"),
    (_validation_error(), "invalid_config"),
    (_http_error(503), "temporary_failure"),
    (requests.exceptions.InvalidURL("bad"), "invalid_config"),
    (requests.exceptions.MissingSchema("bad"), "invalid_config"),
    (requests.exceptions.InvalidSchema("bad"), "invalid_config"),
    (requests.exceptions.InvalidHeader("bad"), "invalid_config"),
    (requests.exceptions.TooManyRedirects("loop"), "bad_response"),
    (requests.exceptions.ContentDecodingError("gzip"), "bad_response"),
    (json.JSONDecodeError("bad", "{", 0), "bad_response"),
    (requests.exceptions.ReadTimeout("slow"), "timeout"),
    (requests.exceptions.ChunkedEncodingError("cut"), "network_error"),
    (requests.exceptions.ConnectionError("reset"), "network_error"),
    (u3.DecodeError("gzip"), "bad_response"),
    (u3.LocationParseError("x"), "invalid_config"),
    (u3.NameResolutionError("h", _POOL, _NO_NAME), "network_error"),
    (u3.NewConnectionError(_POOL, "refused"), "network_error"),
    (u3.ReadTimeoutError(_POOL, "/x", "slow"), "timeout"),
    (u3.SSLError(_UNTRUSTED), "auth_failed"),
    (u3.ProtocolError("broken"), "network_error"),
    (smtplib.SMTPAuthenticationError(535, b"no"), "auth_failed"),
    (smtplib.SMTPServerDisconnected("gone"), "network_error"),
    (smtplib.SMTPConnectError(421, b"busy"), "network_error"),
    (smtplib.SMTPDataError(451, b"later"), "temporary_failure"),
    (smtplib.SMTPNotSupportedError("no"), "execution_error"),
    (_NO_NAME, "not_found"),
    (_UNTRUSTED, "auth_failed"),
    (ssl.SSLError("handshake"), "network_error"),
    (http.client.BadStatusLine("x"), "network_error"),
    (subprocess.TimeoutExpired("x", 1), "timeout"),
    (TimeoutError("slow"), "timeout"),
    (ConnectionResetError("reset"), "network_error"),
    (FileNotFoundError("x"), "not_found"),
    (OSError(errno.ENOSPC, "full"), "temporary_failure"),
    (_named("billiard.exceptions.SoftTimeLimitExceeded"), "timeout"),
    (_named("django.db.utils.OperationalError"), "temporary_failure"),
    (_named("django.db.utils.InterfaceError"), "temporary_failure"),
    (_named("psycopg.OperationalError"), "temporary_failure"),
    (_named("redis.exceptions.TimeoutError"), "timeout"),
    (_named("redis.exceptions.ConnectionError"), "temporary_failure"),
]


@pytest.mark.parametrize(
    ("exc", "kind"), SAMPLES, ids=lambda one: type(one).__name__ if not isinstance(one, str) else one
)
def test_each_foreign_exception_has_its_kind(exc: BaseException, kind: str) -> None:
    if isinstance(exc, u3.NameResolutionError):
        exc.__cause__ = socket.gaierror(socket.EAI_AGAIN, "try again")
    assert classify(exc).kind == kind


def test_every_row_of_the_table_decides_a_sample() -> None:
    deciding = set()
    for exc, _ in SAMPLES:
        for at, (wanted, kind) in enumerate(foreign.TABLE):
            if foreign._is_a(exc, wanted) and (kind if isinstance(kind, str) else kind(exc)):
                deciding.add(at)
                break
    assert deciding == set(range(len(foreign.TABLE)))


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        (u3.NameResolutionError("h", _POOL, _NO_NAME), "not_found"),
        (u3.NewConnectionError(_POOL, "refused"), "network_error"),
        (u3.ConnectTimeoutError("slow"), "timeout"),
        (u3.SSLError(_UNTRUSTED), "auth_failed"),
    ],
)
def test_the_reason_buried_in_a_connection_error_decides(inner: Exception, kind: str) -> None:
    if isinstance(inner, u3.NameResolutionError):
        inner.__cause__ = _NO_NAME
    assert classify(_wrapped(inner)).kind == kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (304, None),
        (400, "bad_response"),
        (401, "auth_failed"),
        (403, "auth_failed"),
        (404, "not_found"),
        (408, "temporary_failure"),
        (410, "not_found"),
        (418, "rate_limit"),
        (425, "temporary_failure"),
        (429, "rate_limit"),
        (500, "temporary_failure"),
        (501, "bad_response"),
        (503, "temporary_failure"),
    ],
)
def test_statuses_have_kinds(status: int, kind: str | None) -> None:
    assert foreign.kind_of_status(status) == kind


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH])
def test_an_unreachable_host_is_a_network_error(number: int) -> None:
    assert classify(OSError(number, "unreachable")).kind == "network_error"


def test_no_memory_left_in_the_system_is_out_of_memory() -> None:
    assert classify(OSError(errno.ENOMEM, "no memory")).kind == "out_of_memory"


def test_an_unknown_exception_is_an_execution_error_that_names_itself_and_is_not_retried() -> None:
    failure = classify(KeyError("missing"))
    assert (failure.kind, failure.retryable) == ("execution_error", False)
    assert failure.message == "KeyError: 'missing'"
    assert failure.details == {"exception": "builtins.KeyError"}


def test_our_own_errors_keep_kind_message_details_and_when_to_come_back() -> None:
    failure = classify(errors.RateLimited("later", retry_after=7.5, details={"status": 429}))
    assert failure == errors.Failure("rate_limit", "later", 7.5, {"status": 429})
    assert failure.retryable
    assert not classify(errors.PermanentFailure("no", kind="auth_failed")).retryable


def test_a_validation_error_is_told_without_the_value_it_refuses() -> None:
    failure = classify(_validation_error())
    assert "size" in failure.message
    assert "s3cret-input" not in failure.message


def test_a_long_message_is_cut() -> None:
    assert len(classify(RuntimeError("x" * 10_000)).message) == errors.MESSAGE_LIMIT


def test_of_a_group_the_member_worth_retrying_speaks() -> None:
    group = ExceptionGroup("both", [ValueError("bad"), errors.NetworkError("down")])
    assert classify(group).kind == "network_error"
    assert classify(ExceptionGroup("one", [ValueError("bad")])).kind == "execution_error"


def test_an_except_exception_does_not_eat_a_stop() -> None:
    assert not isinstance(errors.Stopped(), Exception)
    assert classify(errors.Stopped()).kind == "stopped"
