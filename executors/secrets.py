"""References to secrets in configs, and how a run turns them into values.

A config holds `{"$secret": "NAME"}`, never the value. The value is looked up at the last moment through
`context.secrets` and must not be stored, logged or returned; `redaction` is the net below.
"""

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import ConfigDict, Field

from executors.contract import Config
from executors.errors import PermanentFailure
from executors.plain_union import said_once

Lookup = Callable[[str], str]


class SecretReference(Config):
    """The name of a secret; its value stays with the operator."""

    model_config = ConfigDict(title="Secret", json_schema_extra={"examples": [{"$secret": "API_TOKEN"}]})

    name: str = Field(
        alias="$secret", min_length=1, max_length=200, title="Secret", description="Name of a stored secret."
    )


_FORM = said_once('Give {"$secret": "NAME"}, the name of a stored secret; never the value itself.')
_TEXT_OR_FORM = said_once('Give text, or {"$secret": "NAME"} for a stored secret.')

SecretOnly = Annotated[SecretReference, _FORM]
TextOrSecret = Annotated[str | SecretReference, _TEXT_OR_FORM]


def reveal(value: "str | SecretReference", *, secrets: Lookup) -> str:
    """The text itself, or the value of the secret it names."""
    if isinstance(value, str):
        return value
    try:
        return secrets(value.name)
    except LookupError as exc:
        raise PermanentFailure(
            f"Secret {value.name!r} does not exist, or this task may not use it. Create it, or correct the name.",
            kind="invalid_config",
        ) from exc


def reveal_all(values: Mapping[str, "str | SecretReference"], *, secrets: Lookup) -> dict[str, str]:
    return {name: reveal(value, secrets=secrets) for name, value in values.items()}
