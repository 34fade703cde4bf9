"""Credentials of a request: three usual ways, each a reference to a stored secret, each one header in the end.

Used by tasks that call an HTTP address. Values never enter a config and never a result.
"""

import base64
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from executors.contract import Config
from executors.redaction import Redactor
from executors.secrets import Lookup, SecretOnly, TextOrSecret, reveal

_TELLING = ("authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token")


class Basic(Config):
    """User name and password."""

    type: Literal["basic"]
    username: TextOrSecret
    password: SecretOnly


class Bearer(Config):
    """A token in the Authorization header."""

    type: Literal["bearer"]
    token: SecretOnly


class ApiKey(Config):
    """A key in a header of its own."""

    type: Literal["apiKey"]
    header: str = Field("X-API-Key", pattern=r"^[A-Za-z0-9-]{1,100}$", description="Name of the header.")
    key: SecretOnly


Credentials = Annotated[Basic | Bearer | ApiKey, Field(discriminator="type")]


def header_for(credentials: Basic | Bearer | ApiKey, *, secrets: Lookup) -> tuple[str, str]:
    """Name and value of the header that carries them."""
    if isinstance(credentials, Bearer):
        return "Authorization", f"Bearer {reveal(credentials.token, secrets=secrets)}"
    if isinstance(credentials, ApiKey):
        return credentials.header, reveal(credentials.key, secrets=secrets)
    user = reveal(credentials.username, secrets=secrets)
    pair = f"{user}:{reveal(credentials.password, secrets=secrets)}"
    return "Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"


def redactor_for(headers: Mapping[str, str]) -> Redactor:
    """Hides credentials that were written into headers as plain text, should the server repeat them."""
    telling = [value for name, value in headers.items() if name.lower() in _TELLING]
    return Redactor(part for value in telling for part in (value, value.rpartition(" ")[2]))
