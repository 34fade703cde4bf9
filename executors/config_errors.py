"""A refused config in words: which field, what is wrong, what to write. Never what was sent.

Used by the API through the registry, and by executors that validate parameters of their own.
"""

import difflib

import pydantic

from executors.contract import Config


def config_errors(exc: pydantic.ValidationError, *, model: type[Config] | None = None) -> dict[str, list[str]]:
    """Field path to messages, never repeating what was sent. With `model`, a misspelt field gets its near name."""
    found: dict[str, list[str]] = {}
    for row in exc.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(part) for part in row["loc"])
        message = row["msg"].removeprefix("Value error, ")
        if row["type"] == "missing":
            message = "This field is required."
        if row["type"] == "extra_forbidden":
            message = "Unknown field." + (_near_field(str(row["loc"][0]), model) if len(row["loc"]) == 1 else "")
        found.setdefault(path, []).append(message)
    return found


def _near_field(name: str, model: type[Config] | None) -> str:
    if model is None:
        return ""
    known = [info.alias or field for field, info in model.model_fields.items()]
    near = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Known fields: {', '.join(known)}."
