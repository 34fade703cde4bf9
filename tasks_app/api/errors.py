"""Every error of the API has one shape: {"error": {"code", "message", "fields": {path: [messages]}}}.

DRF calls `handle`. Refusals of verbs, DRF's own exceptions and the database's complaints about bad values arrive here;
what nobody expected is logged with its traceback and answered without it.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

from tasks_app.api.bodies import TooLarge
from tasks_app.domain.refusals import Code, Refused

STATUS = {
    Code.INVALID: status.HTTP_400_BAD_REQUEST,
    Code.NOT_FOUND: status.HTTP_404_NOT_FOUND,
    Code.CONFLICT: status.HTTP_409_CONFLICT,
    Code.TOO_MANY_WAITING: status.HTTP_429_TOO_MANY_REQUESTS,
}
NAMES: Mapping[int, str] = {
    400: "invalid",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
}
log = structlog.get_logger(__name__)


def handle(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler."""
    if isinstance(exc, Refused):
        return _refused(exc)
    exc = _as_api_exception(exc)
    if isinstance(exc, exceptions.APIException):
        return _known(exc)
    if isinstance(exc, DataError):
        return answer(400, "invalid", "A value is outside of what can be stored.")
    if isinstance(exc, IntegrityError):
        log.warning("a request lost a race", exc_info=exc)
        return answer(409, "conflict", "Something this needs was changed or removed meanwhile; read it again.")
    if isinstance(exc, OperationalError | InterfaceError):
        log.exception("the database refused a request")
        return answer(503, "unavailable", "The database does not answer; try again soon.", retry_after=5)
    log.error("a request failed unexpectedly", exc_info=exc)
    return answer(500, "server_error", "Something went wrong here; the request id in the headers finds it in the logs.")


def answer(
    http_status: int,
    code: str,
    message: str,
    *,
    fields: Mapping[str, list[str]] | None = None,
    retry_after: float | None = None,
) -> Response:
    """The one shape."""
    response = Response(error_body(code, message, fields), status=http_status)
    if retry_after is not None:
        response["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return response


def error_body(code: str, message: str, fields: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """The JSON of an error."""
    return {"error": {"code": code, "message": message, "fields": dict(fields or {})}}


def _refused(exc: Refused) -> Response:
    return answer(STATUS[exc.code], exc.code, exc.message, fields=exc.fields, retry_after=exc.retry_after_seconds)


def _as_api_exception(exc: Exception) -> Exception:
    if isinstance(exc, Http404):
        return exceptions.NotFound("There is nothing here that you can see.")
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(exc, RequestDataTooBig):
        return TooLarge("The body is too large.")
    return exc


def _known(exc: exceptions.APIException) -> Response:
    fields = dict(_flat(exc.detail)) if isinstance(exc, exceptions.ValidationError) else {}
    said = _sentence(exc.detail)
    if fields:
        where, messages = next(iter(fields.items()))
        said = f"{where}: {messages[0]}" if where else messages[0]
    code = NAMES.get(exc.status_code, getattr(exc, "default_code", "error"))
    response = answer(exc.status_code, code, said, fields=fields, retry_after=getattr(exc, "wait", None))
    challenge = getattr(exc, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    return response


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """DRF's nested details as field path and messages."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else str(name)
            yield from _flat(inner, f"{path}.{step}".strip("."))
    elif isinstance(detail, list) and any(isinstance(inner, Mapping | list) for inner in detail):
        for index, inner in enumerate(detail):
            yield from _flat(inner, f"{path}.{index}".strip("."))
    else:
        yield path, [str(one) for one in (detail if isinstance(detail, list) else [detail])]


def _sentence(detail: Any) -> str:
    """One sentence of whatever stands in an exception's detail."""
    if isinstance(detail, Mapping):
        return _sentence(detail.get("detail") or next(iter(detail.values()), ""))
    if isinstance(detail, list):
        return _sentence(detail[0]) if detail else ""
    return str(detail)
