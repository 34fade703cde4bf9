"""How a verb says no: one exception with a code, a sentence with the remedy, and the fields it concerns.

The API maps codes to statuses, the admin to messages. Nothing here knows HTTP.
"""

from collections.abc import Mapping
from enum import StrEnum


class Code(StrEnum):
    """Why a verb refused."""

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_MANY_WAITING = "too_many_waiting"


class Refused(Exception):
    """A wish that cannot be granted; nothing was changed."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        fields: Mapping[str, list[str]] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.retry_after_seconds = retry_after_seconds


def invalid(field: str, message: str) -> Refused:
    """The common case: one field is wrong."""
    return Refused(Code.INVALID, message, fields={field: [message]})
