"""The one ordered table from other libraries' exceptions, and from HTTP statuses, to our kinds of failure.

Called by `errors.classify` and `http`. Narrow classes stand before the wide ones they belong to. A library that must
not be imported here (Django, Celery, optional extras) is named by its dotted path. No decision about retries.
"""

import errno
import http.client
import json
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pydantic
import requests.exceptions as rq
import urllib3.exceptions as u3

_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
_SHORTAGE = {errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT}
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def kind_of(exc: BaseException) -> str:
    """The kind of a foreign exception: the first row that fits and has an opinion decides."""
    for wanted, kind in TABLE:
        if _is_a(exc, wanted):
            found = kind(exc) if callable(kind) else kind
            if found:
                return found
    return "execution_error"


def kind_of_status(status: int) -> str | None:
    """The kind an HTTP answer means; None for an answer that is no failure."""
    if status < 400:
        return None
    if status in (418, 429):
        return "rate_limit"
    if status in (401, 403, 407):
        return "auth_failed"
    if status in (404, 410):
        return "not_found"
    if status in (408, 425) or (status >= 500 and status not in (501, 505)):
        return "temporary_failure"
    return "bad_response"


def dotted_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def innermost_reason(exc: BaseException) -> str:
    """The plainest words for a failed call: the last buried exception that says something, without addresses."""
    said = [one for one in _buried(exc) if str(one) and not isinstance(one, (rq.ConnectionError, u3.MaxRetryError))]
    last = next((one for one in reversed(said) if isinstance(one, OSError)), said[-1] if said else exc)
    words = getattr(last, "strerror", None) or getattr(last, "verify_message", None) or str(last)
    return str(words)[:300]


def _is_a(exc: BaseException, wanted: type[BaseException] | str) -> bool:
    if isinstance(wanted, str):
        return any(dotted_name(cls) == wanted for cls in type(exc).__mro__)
    return isinstance(exc, wanted)


def _buried(exc: BaseException) -> Iterator[BaseException]:
    """The exception and those inside it: requests and urllib3 wrap the real one several times."""
    seen: set[int] = set()
    waiting: list[Any] = [exc]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _transport(exc: BaseException) -> str:
    """A broken or failed connection, told apart by what is buried in it: the outer class is always the same."""
    for one in _buried(exc):
        if isinstance(one, socket.gaierror):
            return _name_lookup(one)
        if isinstance(one, ssl.SSLCertVerificationError):
            return "auth_failed"
        if isinstance(one, (TimeoutError, u3.TimeoutError)) and not isinstance(one, u3.NewConnectionError):
            return "timeout"
    return "network_error"


def _name_lookup(exc: BaseException) -> str:
    return "not_found" if getattr(exc, "errno", None) in _NO_SUCH_NAME else "network_error"


def _answered(exc: BaseException) -> str | None:
    response = getattr(exc, "response", None)
    return kind_of_status(response.status_code) if response is not None else None


def _mail_answered(exc: BaseException) -> str:
    return "temporary_failure" if 400 <= int(getattr(exc, "smtp_code", 0)) < 500 else "execution_error"


def _system(exc: BaseException) -> str | None:
    number = getattr(exc, "errno", None)
    if number in _UNREACHABLE:
        return "network_error"
    if number == errno.ENOMEM:
        return "out_of_memory"
    return "temporary_failure" if number in _SHORTAGE else None


Row = tuple[type[BaseException] | str, str | Callable[[BaseException], str | None]]
TABLE: tuple[Row, ...] = (
    (MemoryError, "out_of_memory"),
    (pydantic.ValidationError, "invalid_config"),
    # requests; many of its classes are also OSError or ValueError
    (rq.HTTPError, _answered),
    (rq.InvalidURL, "invalid_config"),
    (rq.MissingSchema, "invalid_config"),
    (rq.InvalidSchema, "invalid_config"),
    (rq.InvalidHeader, "invalid_config"),
    (rq.TooManyRedirects, "bad_response"),
    (rq.ContentDecodingError, "bad_response"),
    (json.JSONDecodeError, "bad_response"),
    (rq.Timeout, "timeout"),
    (rq.ChunkedEncodingError, "network_error"),
    (rq.ConnectionError, _transport),
    # urllib3, met where a body is read past requests
    (u3.DecodeError, "bad_response"),
    (u3.LocationParseError, "invalid_config"),
    (u3.NameResolutionError, _transport),
    (u3.NewConnectionError, "network_error"),
    (u3.TimeoutError, "timeout"),
    (u3.SSLError, _transport),
    (u3.HTTPError, _transport),
    # mail
    (smtplib.SMTPAuthenticationError, "auth_failed"),
    (smtplib.SMTPServerDisconnected, "network_error"),
    (smtplib.SMTPConnectError, "network_error"),
    (smtplib.SMTPResponseException, _mail_answered),
    (smtplib.SMTPException, "execution_error"),
    # the standard library
    (socket.gaierror, _name_lookup),
    (ssl.SSLCertVerificationError, "auth_failed"),
    (ssl.SSLError, "network_error"),
    (http.client.HTTPException, "network_error"),
    (subprocess.TimeoutExpired, "timeout"),
    (TimeoutError, "timeout"),
    (ConnectionError, "network_error"),
    (FileNotFoundError, "not_found"),
    (OSError, _system),
    # named, not imported
    ("billiard.exceptions.SoftTimeLimitExceeded", "timeout"),
    ("django.db.utils.OperationalError", "temporary_failure"),
    ("django.db.utils.InterfaceError", "temporary_failure"),
    ("psycopg.OperationalError", "temporary_failure"),
    ("redis.exceptions.TimeoutError", "timeout"),
    ("redis.exceptions.ConnectionError", "temporary_failure"),
)
