"""custom: calls a function that an application registered, with typed parameters.

Run by the engine. Which functions there are is decided by code (`functions`) and by the operator's `custom_modules`,
never by the config. What a function does is its own affair.
"""

import asyncio
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, ValidationError

from executors.config_errors import config_errors
from executors.contract import Config, Context, Executor, Result
from executors.documents import as_json
from executors.errors import PermanentFailure
from executors.general import functions
from executors.templating import TemplateTree, render, scope_of


class CustomConfig(Config):
    """Which registered function to call, with which parameters."""

    function: str = Field(
        min_length=1, max_length=200, description="Name of a registered function.", examples=["processData"]
    )
    params: dict[str, TemplateTree] = Field(
        default_factory=dict,
        description="Its parameters; texts may hold {{ placeholders }}.",
        examples=[{"source": "database", "target": "cache"}],
    )


class Custom(Executor[CustomConfig]):
    """Calls one registered function."""

    task_type: ClassVar[str] = "custom"
    title: ClassVar[str] = "Custom function"
    description: ClassVar[str] = "Calls a Python function that your application registered."
    category: ClassVar[str] = "general"
    config_model = CustomConfig

    def is_idempotent(self, config: CustomConfig) -> bool:
        try:
            return functions.find(config.function).idempotent
        except LookupError:
            return True  # it cannot run, so repeating it does no harm

    def check(self, config: CustomConfig, *, settings: Mapping[str, Any]) -> Mapping[str, list[str]]:
        try:
            function = _found(config.function, settings)
        except PermanentFailure as exc:
            return {"function": [exc.message.removeprefix("function: ")]}
        if any("{{" in text for text in _texts(config.params)):
            return {}  # known only once upstream results are there
        try:
            function.arguments(config.params, None)
        except ValidationError as exc:
            return _params_errors(exc)
        return {}

    def run(self, context: Context[CustomConfig]) -> Result:
        function = _found(context.config.function, context.settings)
        params = render(context.config.params, scope=scope_of(context), where="params")
        try:
            arguments = function.arguments(params, context)
        except ValidationError as exc:
            errors = _params_errors(exc)
            said = "; ".join(f"{path}: {' '.join(messages)}" for path, messages in errors.items())
            raise PermanentFailure(said, kind="invalid_config", details={"errors": errors}) from exc
        returned = function.call(**arguments)
        if inspect.iscoroutine(returned):
            returned = asyncio.run(returned)
        return _as_result(function.name, returned)


def _found(name: str, settings: Mapping[str, Any]) -> functions.CustomFunction:
    try:
        functions.load(settings.get("custom_modules") or ())
        return functions.find(name)
    except ImportError as exc:
        raise PermanentFailure(
            f"A module named in custom_modules cannot be imported: {exc}. An operator must correct it.",
            kind="invalid_config",
        ) from exc
    except functions.UnknownFunction as exc:
        raise PermanentFailure(f"function: {exc.args[0]}", kind="invalid_config") from exc


def _params_errors(exc: ValidationError) -> dict[str, list[str]]:
    return {f"params.{path}" if path else "params": said for path, said in config_errors(exc).items()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _as_result(name: str, returned: Any) -> Result:
    """What a function returned: a Result as it is, anything else as the data of one."""
    if isinstance(returned, Result):
        return replace(returned, data=as_json(returned.data), state=as_json(returned.state))
    return Result(f"{name} is done", data=as_json(returned), items_processed=1)
