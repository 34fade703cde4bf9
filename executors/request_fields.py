"""The config fields that every task which sends an HTTP request shares, and how they become a request.

Used by api_call and webhook. What the answer means, and when a task has succeeded, must not come in here.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from executors.contract import Context
from executors.errors import PermanentFailure
from executors.plain_union import said_once
from executors.secrets import SecretReference, TextOrSecret, reveal
from executors.templating import Template, check, render_text, render_url

DEFAULT_TIMEOUT_MS = 30_000
LONGEST_TIMEOUT_MS = 3_600_000
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_OURS = {"content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}


def check_url(url: Any) -> Any:
    """A reference passes; a text must be an http(s) address, or begin with a placeholder that will give one."""
    if isinstance(url, SecretReference):
        return url
    check(url)
    if url.startswith("{{"):
        return url
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https"):
        raise ValueError("The URL must begin with http:// or https://.")
    if not parts.hostname:
        raise ValueError("The URL names no host. Write it as https://example.com/path.")
    return url


def check_headers(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is no header name: letters, digits and - only.")
        if name.lower() in _OURS:
            raise ValueError(f"The header {name} is set by the connection itself. Remove it.")
        if isinstance(value, str):
            check_header_value(name, check(value))
    return headers


def check_header_value(name: str, value: str) -> str:
    if any((ord(letter) < 32 and letter != "\t") or ord(letter) > 255 for letter in value):
        raise ValueError(f"The header {name} holds a line break or a letter that HTTP cannot carry.")
    return value


Url = Annotated[TextOrSecret, AfterValidator(check_url)]
Headers = Annotated[dict[str, TextOrSecret], AfterValidator(check_headers)]
TimeoutMs = Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_MS)]
Body = Annotated[Any, AfterValidator(check)]
QueryValue = Annotated[Template | int | float | bool, said_once("Give text, a number, true or false.")]


def resolve(
    context: Context[Any], *, url: TextOrSecret, headers: Mapping[str, TextOrSecret], scope: Mapping[str, Any]
) -> tuple[str, dict[str, str]]:
    """URL and headers of this run: secrets looked up, placeholders filled, and both checked again."""
    secrets = context.secrets
    address = render_url(url, scope=scope, where="url") if isinstance(url, str) else reveal(url, secrets=secrets)
    filled: dict[str, str] = {}
    try:
        check_url(address)
        for name, value in headers.items():
            where = f"headers.{name}"
            text = (
                render_text(value, scope=scope, where=where)
                if isinstance(value, str)
                else reveal(value, secrets=secrets)
            )
            filled[name] = check_header_value(name, text)
    except ValueError as exc:
        raise PermanentFailure(str(exc), kind="invalid_config") from exc
    return address, filled


def encode_body(body: Any, headers: dict[str, str]) -> bytes | None:
    """The bytes to send. A text goes as it is, anything else as JSON. Adds a Content-Type when none was given."""
    if body is None:
        return None
    as_json = not isinstance(body, str)
    if "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json" if as_json else "text/plain; charset=utf-8"
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")) if as_json else body
    return str(text).encode()


def seconds_for(timeout_ms: int, time_left: float | None) -> float:
    """The call's own timeout, or what is left of the run if that is less."""
    wished = timeout_ms / 1000
    return wished if time_left is None else max(0.001, min(wished, time_left))
