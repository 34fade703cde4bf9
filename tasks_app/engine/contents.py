"""A draft's content judged: the columns of a version, with the defaults of the task type and of the operator.

Called by `authoring`, and for the configs of single runs. Writes nothing.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from pydantic import ValidationError

from executors import registry
from executors.contract import Config, Executor
from tasks_app.domain.policy import FleetPolicy
from tasks_app.engine import secret_rights
from tasks_app.engine.clock import policy
from tasks_app.engine.drafts import VERSION_FIELDS, Draft
from tasks_app.engine.reading import path, refused, unknown
from tasks_app.models import TaskDefinition

CONFIG_BYTES = 256 * 1024


def content_for(draft: Draft, *, at: str = "", known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The columns of the version a draft asks for; `Refused` names every wrong field, `at` before its path.

    `known` is content that was judged before: a config that did not change is not judged again.
    """
    problems: dict[str, list[str]] = {}
    content = {field: getattr(draft, field) for field in VERSION_FIELDS}
    executor = _executor(draft.task_type, problems)
    if executor is not None:
        found: dict[str, list[str]] = {}
        config = _read_config(executor, draft.config, found)
        same = known is not None and (executor.task_type, draft.config) == (known["task_type"], known["config"])
        problems |= {} if same else found
        content |= _from_type(draft, executor, config)
    content |= _from_policy(draft, policy())
    _check_pool(content["pool"], problems)
    _check_numbers(draft, problems)
    if problems:
        raise refused({path(at, field): messages for field, messages in problems.items()})
    return content


def check_run_configs(wishes: Mapping[str, tuple[UUID, Mapping[str, Any]]], *, by: AbstractBaseUser | None) -> None:
    """Refuse configs of single runs that do not fit their task; a wish is (task id, config) by its path."""
    ids = {id_ for id_, _ in wishes.values()}
    rows = TaskDefinition.objects.filter(id__in=ids).select_related("current_version")
    known = {row.id: row.current_version for row in rows if row.current_version}
    problems: dict[str, list[str]] = {}
    for at, (id_, config) in wishes.items():
        found: dict[str, list[str]] = {}
        merged = {**known[id_].config, **config}
        _read_config(registry.get(known[id_].task_type), merged, found)
        secret_rights.check(merged, by=by, at=at)
        problems.update({path(at, field.removeprefix("config").lstrip(".")): text for field, text in found.items()})
    if problems:
        raise refused(problems)


def _executor(task_type: str, problems: dict[str, list[str]]) -> Executor[Any] | None:
    try:
        return registry.get(task_type)
    except registry.TaskTypeUnavailable as exc:
        problems["task_type"] = [str(exc)]
    except registry.UnknownTaskType:
        problems["task_type"] = [unknown(task_type, list(registry.all_types()), what="task type")]
    return None


def _read_config(executor: Executor[Any], raw: Mapping[str, Any], problems: dict[str, list[str]]) -> Config | None:
    """The typed config; what the type or the operator's settings object to goes into `problems`."""
    try:
        config = executor.config_model.model_validate(raw)
    except ValidationError as exc:
        found = dict(registry.config_errors(exc, model=executor.config_model))
    else:
        found = dict(executor.check(config, settings=policy().executor_settings))
        if len(json.dumps(raw)) > CONFIG_BYTES:
            found[""] = [f"The config is larger than {CONFIG_BYTES // 1024} KiB; keep large data elsewhere."]
    problems.update({path("config", field): list(messages) for field, messages in found.items()})
    return None if found else config


def _from_type(draft: Draft, executor: Executor[Any], config: Config | None) -> dict[str, Any]:
    """What the task type says where the draft is silent. A config is kept as it was given, under published names."""
    own_timeout = executor.timeout if executor.timeout != Executor.timeout else policy().default_timeout
    repeatable = executor.is_idempotent(config) if config is not None else executor.idempotent
    return {
        "task_type": executor.task_type,
        "config": draft.config if config is None else stored(config),
        "pool": draft.pool or executor.pool,
        "idempotent": repeatable if draft.idempotent is None else draft.idempotent,
        "timeout_seconds": draft.timeout_seconds or own_timeout.total_seconds(),
    }


def stored(config: Config) -> dict[str, Any]:
    """A typed config as JSON: only what was given, so that defaults of later versions still apply."""
    return config.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _from_policy(draft: Draft, fleet: FleetPolicy) -> dict[str, Any]:
    """What the operator says where the draft is silent."""
    starts = draft.trigger_on_dependencies
    limit = fleet.dependency_timeout.total_seconds()
    return {
        "trigger_on_dependencies": "schedule" not in draft.model_fields_set if starts is None else starts,
        "retry_conditions": None if draft.retry_conditions is None else sorted(set(draft.retry_conditions)),
        "max_retries": fleet.max_retries if draft.max_retries is None else draft.max_retries,
        "dependency_timeout_seconds": draft.dependency_timeout_seconds or limit,
    }


def _check_pool(pool: str | None, problems: dict[str, list[str]]) -> None:
    pools = list(policy().pools)
    if pool is not None and pool not in pools:
        problems["pool"] = [unknown(pool, pools, what="pool")]


def _check_numbers(draft: Draft, problems: dict[str, list[str]]) -> None:
    if draft.max_delay_ms < draft.initial_delay_ms:
        problems["max_delay_ms"] = ["The longest delay is below initial_delay_ms; raise it."]
    if draft.concurrency_limit is not None and not draft.concurrency_key:
        problems["concurrency_limit"] = [
            "A limit needs the concurrency_key it limits. For this task alone use max_concurrent."
        ]
