"""Request bodies: JSON only, of bounded size, whatever strange bytes arrive; read as the typed body a view asks for.

Called by the views. What a body may say is written down with the verb it is for.
"""

import json
from typing import Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser


class TooLarge(APIException):
    """413: the body is longer than this server takes."""

    status_code = 413
    default_code = "too_large"


class JsonParser(BaseParser):
    """UTF-8 JSON as the standard has it: no NaN, no bottomless nesting, never more than the limit in memory."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        raw = _bounded(stream, (parser_context or {}).get("request"))
        try:
            return json.loads(raw, parse_constant=_refuse_constant)
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except ValueError as exc:
            raise ParseError(f"The body is not JSON: {str(exc)[:200]}") from None


def _bounded(stream: Any, request: Any) -> bytes:
    """The whole body. One that announces too much is not waited for; one that announces nothing is cut off."""
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    announced = str(request.META.get("CONTENT_LENGTH") or "") if request is not None else ""
    if not (announced.isdigit() and int(announced[:20]) > limit):
        raw: bytes = stream.read(limit + 1)
        if len(raw) <= limit:
            return raw
    raise TooLarge(f"The body is larger than {limit // 1024} KiB; send it in parts.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
