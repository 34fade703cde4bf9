"""The functions a `custom` task may call: the decorator that registers them, and the registry that finds them.

An application writes functions in modules of its own, which the operator names in the setting `custom_modules`:

    @custom_function(title="Count words")
    def count_words(*, text: str, context: Context) -> dict[str, int]: ...

Parameters are typed by the signature and validated by pydantic; one called `context` receives the run's context, and a
single one called `params` receives everything, as a mapping or as the pydantic model it is annotated with. Functions
may be `async`. Never a dotted path from a config: only what is registered can be called. Built-in functions live in
`built_in_functions`.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar, get_type_hints, overload

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

BUILT_IN = "executors.general.built_in_functions"
_MARK = "given_"  # before each field's name: a parameter may be called `json` or `copy`, a model's field may not
F = TypeVar("F", bound=Callable[..., Any])

_functions: dict[str, "CustomFunction"] = {}


class UnknownFunction(LookupError):
    """No module that was loaded registers this function."""

    def __init__(self, name: str) -> None:
        near = [_functions[key].name for key in difflib.get_close_matches(_key(name), _functions, n=3)]
        hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        self.near = tuple(near)
        super().__init__(f"No function {name!r} is registered. {hint}Known: {', '.join(names())}.")


@dataclass(frozen=True, kw_only=True)
class CustomFunction:
    """A registered function with the model of its parameters."""

    name: str
    call: Callable[..., Any]
    params_model: type[BaseModel] | None
    whole: bool
    takes_context: bool
    title: str
    description: str
    pure: bool
    idempotent: bool

    def params_schema(self) -> dict[str, Any]:
        """JSON Schema of the parameters; anything goes for a function that takes `params` whole."""
        return self.params_model.model_json_schema() if self.params_model else {"type": "object"}

    def arguments(self, params: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Keyword arguments for the call. Raises pydantic's ValidationError for parameters that do not fit."""
        found = {"params": dict(params)} if self.params_model is None else self._validated(params)
        return found | ({"context": context} if self.takes_context else {})

    def _validated(self, params: Mapping[str, Any]) -> dict[str, Any]:
        model = (self.params_model or BaseModel).model_validate(dict(params))
        if self.whole:
            return {"params": model}
        return {name.removeprefix(_MARK): getattr(model, name) for name in type(model).model_fields}


@overload
def custom_function(call: F, /) -> F: ...
@overload
def custom_function(
    *, name: str = "", title: str = "", description: str = "", pure: bool = False, idempotent: bool = True
) -> Callable[[F], F]: ...
def custom_function(call: Any = None, /, **about: Any) -> Any:
    """Register a function under its own name or `name`. `pure`: its answer depends on its parameters alone.
    `idempotent`: it may be run again after it was cut off."""
    if call is not None:
        return _register(call)
    return lambda function: _register(function, **about)


def load(modules: Iterable[str] = ()) -> None:
    """Import the built-in functions and the operator's modules; each registers what it holds. Cheap when repeated."""
    for module in (BUILT_IN, *modules):
        import_module(module)


def find(name: str) -> CustomFunction:
    """The function of this name; processData and process_data are one."""
    try:
        return _functions[_key(name)]
    except KeyError:
        raise UnknownFunction(name) from None


def names() -> tuple[str, ...]:
    return tuple(sorted(function.name for function in _functions.values()))


def _register(
    call: Callable[..., Any],
    *,
    name: str = "",
    title: str = "",
    description: str = "",
    pure: bool = False,
    idempotent: bool = True,
) -> Callable[..., Any]:
    called = name or call.__name__
    known = _functions.get(_key(called))
    if known is not None and _origin(known.call) != _origin(call):
        raise ValueError(f"Two functions are called {called!r}: {_origin(known.call)} and {_origin(call)}. Rename one.")
    params_model, whole = _params_model(called, call)
    lines = (inspect.getdoc(call) or "").strip().splitlines()
    _functions[_key(called)] = CustomFunction(
        name=called,
        call=call,
        params_model=params_model,
        whole=whole,
        takes_context="context" in inspect.signature(call).parameters,
        title=title or called.replace("_", " ").capitalize(),
        description=description or (lines[0] if lines else ""),
        pure=pure,
        idempotent=idempotent,
    )
    return call


def _params_model(name: str, call: Callable[..., Any]) -> tuple[type[BaseModel] | None, bool]:
    """The model of the parameters (None: anything), and whether it is handed over whole as `params`."""
    wanted = {key: one for key, one in inspect.signature(call).parameters.items() if key != "context"}
    hints = get_type_hints(call, include_extras=True)
    if list(wanted) == ["params"]:
        hint = hints.get("params")
        return (hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None), True
    fields: dict[str, Any] = {}
    for key, one in wanted.items():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY):
            raise TypeError(
                f"{name}: parameter {key!r} cannot be given by name. Write plain or keyword-only parameters."
            )
        default = ... if one.default is one.empty else one.default
        alias = AliasChoices(key, to_camel(key))
        fields[_MARK + key] = (hints.get(key, Any), Field(default, validation_alias=alias, title=key))
    return create_model(f"{name} parameters", __config__=ConfigDict(extra="forbid"), **fields), False


def _origin(call: Callable[..., Any]) -> str:
    return f"{call.__module__}.{call.__qualname__}"


def _key(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
