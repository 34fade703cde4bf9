"""What a caller sent, read as a typed draft, or refused with every wrong field named.

Called by the verbs that take drafts and by the API for its bodies. Text the database cannot hold is found here.
No rule about tasks belongs here.
"""

import difflib
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks_app.domain.refusals import Code, Refused

M = TypeVar("M", bound=BaseModel)
DEPTH = 64
SHOWN = 100
_TYPE = re.compile(r"[A-Z]|\w+\[")


class Body(BaseModel):
    """What a caller may send: unknown fields are refused, nothing is changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)


def read(model: type[M], raw: Any, *, at: str = "") -> M:
    """The draft, or `Refused` with a message a field; `at` is put before each field's path."""
    if isinstance(raw, model):
        return raw
    strange = unstorable(mapping(raw, at=at))
    if strange:
        raise refused({path(at, where) or "body": [message] for where, message in strange.items()})
    try:
        return model.model_validate(raw)
    except ValidationError as exc:
        raise refused(field_errors(exc, model=model, at=at)) from None


def mapping(raw: Any, *, at: str = "") -> Mapping[str, Any]:
    """A JSON object, or `Refused`."""
    if not isinstance(raw, Mapping):
        raise refused({at or "body": [f"Send a JSON object; this is {_kind(raw)}."]})
    return raw


def refused(fields: Mapping[str, list[str]]) -> Refused:
    """Several wrong fields at once; the sentence speaks of the first."""
    shown = dict(list(fields.items())[:SHOWN])
    where, messages = next(iter(shown.items()))
    more = f" ({len(fields) - 1} more fields are wrong.)" if len(fields) > 1 else ""
    return Refused(Code.INVALID, f"{where}: {messages[0]}{more}" if where else messages[0] + more, fields=shown)


def path(*parts: object) -> str:
    """A field's path: its non-empty parts with dots between."""
    return ".".join(str(part) for part in parts if str(part))


def field_errors(exc: ValidationError, *, model: type[BaseModel], at: str = "") -> dict[str, list[str]]:
    """Field path to messages, never repeating what was sent; a misspelt field gets its near name."""
    found: dict[str, list[str]] = {}
    for row in exc.errors(include_url=False, include_context=False, include_input=False):
        message = row["msg"].removeprefix("Value error, ")
        if row["type"] == "missing":
            message = "This field is required."
        if row["type"] == "extra_forbidden":
            message = unknown(str(row["loc"][-1]), _names_at(model, row["loc"][:-1]), what="field")
        found.setdefault(path(at, *_without_types(row["loc"])) or "body", []).append(message)
    return found


def _without_types(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A place without the names of types that pydantic puts in where several are allowed."""
    return (*(part for part in loc[:-1] if isinstance(part, int) or not _TYPE.match(part)), *loc[-1:])


def unknown(name: str, known: list[str], *, what: str) -> str:
    """The sentence about a misspelt name: camelCase and small slips find what was meant."""
    plain = {_plain(one): one for one in known}
    near = difflib.get_close_matches(_plain(name), plain, n=1)
    if near:
        return f"Unknown {what}. Did you mean '{plain[near[0]]}'?"
    return f"Unknown {what}. Known: {', '.join(sorted(known))}." if known else f"Unknown {what}; none is taken here."


def unstorable(raw: Any) -> dict[str, str]:
    """Where JSON holds what the database cannot: NUL, lone surrogates, infinite numbers, bottomless nesting."""
    found: dict[str, str] = {}
    waiting: list[tuple[str, Any, int]] = [("", raw, 0)]
    while waiting and len(found) < SHOWN:
        where, value, depth = waiting.pop()
        message = _strange(value) or ("This is nested too deeply." if depth > DEPTH else "")
        if message:
            found[where] = message
        elif isinstance(value, Mapping):
            waiting += [(path(where, _shown(key)), one, depth + 1) for key, one in value.items()]
            if any(_strange(key) for key in value):
                found[where] = "A name in here is not plain text."
        elif isinstance(value, list | tuple):
            waiting += [(path(where, index), one, depth + 1) for index, one in enumerate(value)]
    return found


def _strange(value: Any) -> str:
    if isinstance(value, str):
        if "\x00" in value:
            return "The NUL character cannot be stored; remove it."
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            return "Half of a surrogate pair cannot be stored; send whole characters."
    if isinstance(value, float) and not math.isfinite(value):
        return "The number is too large."
    return ""


def _shown(key: object) -> str:
    return str(key).encode("utf-8", "replace").decode().replace("\x00", "?")[:100]


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _kind(raw: Any) -> str:
    words = {type(None): "null", list: "an array", str: "a string", bool: "a boolean", int: "a number"}
    return words.get(type(raw), "something else")


def _names_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The field names of the model that stands at `loc` inside `model`."""
    here: type[BaseModel] | None = model
    for part in loc:
        if here is not None and part in here.model_fields:
            here = next(_models_in(here.model_fields[str(part)].annotation), None)
    return [info.alias or name for name, info in here.model_fields.items()] if here else []


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for part in typing.get_args(annotation):
        yield from _models_in(part)
