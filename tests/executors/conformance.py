"""What every executor must keep to, whoever wrote it. Each check takes an executor, or a run of it, and asserts.

`test_conformance` runs them over all registered types; a package that brings its own executors can do the same.
"""

import dataclasses
import json
import math
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pydantic
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic.alias_generators import to_snake

from executors import registry
from executors.config_errors import config_errors
from executors.contract import Config, Context, Executor, Result
from executors.errors import PERMANENT_KINDS, RETRYABLE_KINDS
from tests.executors.runs import SECRETS, failure_of

STOP_SECONDS = 8.0


def introduces_itself(executor: Executor[Any]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", executor.task_type)
    for text in (executor.title, executor.description, executor.category, executor.pool):
        assert text == text.strip() != ""
    assert executor.description.endswith(".")
    assert timedelta(0) < executor.timeout <= timedelta(days=1)
    assert type(executor).__doc__
    assert issubclass(executor.config_model, Config)
    assert executor.config_model.__doc__


def publishes_a_schema_that_explains_each_field(executor: Executor[Any]) -> None:
    schema = executor.config_schema()
    Draft202012Validator.check_schema(schema)
    json.dumps(schema)
    for part in (schema, *schema.get("$defs", {}).values()):
        for name, field in part.get("properties", {}).items():
            assert field.get("title") or "$ref" in field or "anyOf" in field, name
    for name, field in schema["properties"].items():
        assert field.get("description"), name


def takes_the_examples_of_its_schema(executor: Executor[Any]) -> None:
    for name, field in executor.config_model.model_fields.items():
        for example in field.examples or ():
            adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(field.annotation)
            assert adapter.validate_python(example) is not None, name


def accepts_its_config_in_both_spellings(executor: Executor[Any], config: Mapping[str, Any]) -> None:
    normal = registry.validate_config(executor.task_type, config)
    Draft202012Validator(executor.config_schema()).validate(normal)
    assert registry.validate_config(executor.task_type, normal) == normal
    fields = {info.alias or name: name for name, info in executor.config_model.model_fields.items()}
    snake = {fields[name]: value for name, value in normal.items()}
    assert registry.validate_config(executor.task_type, snake) == normal
    assert all(to_snake(name) == name for name in executor.config_model.model_fields)


def refuses_what_it_does_not_know(executor: Executor[Any], config: Mapping[str, Any]) -> None:
    try:
        executor.config_model.model_validate({**config, "noSuchField": "s3cret-input"})
    except pydantic.ValidationError as exc:
        errors = config_errors(exc, model=executor.config_model)
        assert errors["noSuchField"][0].startswith("Unknown field.")
        assert "s3cret-input" not in str(errors)
        return
    raise AssertionError("an unknown field was accepted")


def gives_a_result_that_can_be_kept(executor: Executor[Any], context: Context[Any]) -> Result:
    before = json.dumps([context.inputs, context.state], default=str)
    result = executor.run(context)
    assert isinstance(result, Result)
    assert result.summary == result.summary.strip() != ""
    assert "\n" not in result.summary
    assert len(result.summary) <= 300
    json.dumps([result.data, result.state, [dataclasses.asdict(alert) for alert in result.alerts]], allow_nan=False)
    assert len(json.dumps(result.data)) <= 256 * 1024
    assert all(math.isfinite(number) for number in result.metrics.values())
    assert result.items_processed >= 0
    assert json.dumps([context.inputs, context.state], default=str) == before, "a run may not change what it was given"
    return result


def fails_in_the_taxonomy(executor: Executor[Any], context: Context[Any]) -> None:
    failure = failure_of(lambda: executor.run(context))
    assert failure.kind in PERMANENT_KINDS | RETRYABLE_KINDS
    assert failure.message.strip()
    json.dumps(dict(failure.details), allow_nan=False)


def ends_soon_when_it_is_told_to(executor: Executor[Any], context: Context[Any]) -> None:
    begun = time.monotonic()
    stopping = dataclasses.replace(context, should_stop=lambda: time.monotonic() > begun + 0.2)
    failure = failure_of(lambda: executor.run(stopping))
    assert failure.kind == "stopped"
    assert time.monotonic() - begun < STOP_SECONDS


def ends_at_its_deadline(executor: Executor[Any], context: Context[Any]) -> None:
    begun = time.monotonic()
    short = dataclasses.replace(context, deadline=context.now + timedelta(seconds=0.4))
    failure = failure_of(lambda: executor.run(short))
    assert failure.kind == "timeout"
    assert time.monotonic() - begun < STOP_SECONDS


def keeps_secrets_to_itself(result: Result, context: Context[Any]) -> None:
    seen = f"{result!r} {context.log!r}"
    assert not [value for value in SECRETS.values() if value in seen]
