"""Each request gets an id: the caller's `X-Request-Id` or a new one. It is in every log line, transition and answer."""

import re
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from tasks_app.models.fields import new_id

log = structlog.get_logger(__name__)
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdMiddleware:
    """Binds `request_id` to the log context for the time of the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _SANE.fullmatch(given) else new_id().hex
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            took = round((time.monotonic() - began) * 1000)
            log.info("request", method=request.method, path=request.path, status=response.status_code, ms=took)
        response["X-Request-Id"] = request_id
        return response
