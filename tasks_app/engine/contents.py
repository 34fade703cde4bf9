"""A draft's content judged: the columns of a version, with the defaults of the task type and of the operator.

Called by `authoring` and by whoever checks a config without writing it. Touches no table.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from executors import registry
from executors.contract import Executor
from tasks_app.domain import priority
from tasks_app.domain.policy import FleetPolicy
from tasks_app.engine.clock import policy
from tasks_app.engine.drafts import VERSION_FIELDS, Draft
from tasks_app.engine.reading import path, refused, unknown

CONFIG_BYTES = 256 * 1024


def content_for(draft: Draft, *, at: str = "", known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The columns of the version a draft asks for; `Refused` names every wrong field, `at` before its path.

    `known` is content that was judged before: a config that did not change is not judged again.
    """
    problems: dict[str, list[str]] = {}
    same = known is not None and draft.task_type == known["task_type"] and draft.config == known["config"]
    executor, config = _executor(draft, problems), draft.config
    if executor is not None and not same:
        config = _config(executor, draft.config, problems)
    content = {field: getattr(draft, field) for field in VERSION_FIELDS}
    content |= {"config": config, "priority": _priority(draft, problems)}
    content |= _defaults(draft, executor, policy())
    _check_pool(content["pool"], problems)
    _check_numbers(draft, problems)
    if problems:
        raise refused({path(at, field): messages for field, messages in problems.items()})
    return content


def run_config(task_type: str, config: Mapping[str, Any], overrides: Mapping[str, Any], *, at: str) -> dict[str, Any]:
    """A version's config with one run's overrides over it, judged; what `trigger` takes as `overrides["config"]`."""
    problems: dict[str, list[str]] = {}
    _config(registry.get(task_type), {**config, **overrides}, problems)
    if problems:
        raise refused({path(at, field.removeprefix("config").lstrip(".")): text for field, text in problems.items()})
    return dict(overrides)


def _executor(draft: Draft, problems: dict[str, list[str]]) -> Executor[Any] | None:
    try:
        return registry.get(draft.task_type)
    except registry.TaskTypeUnavailable as exc:
        problems["task_type"] = [str(exc)]
    except registry.UnknownTaskType:
        problems["task_type"] = [unknown(draft.task_type, list(registry.all_types()), what="task type")]
    return None


def _config(executor: Executor[Any], raw: Mapping[str, Any], problems: dict[str, list[str]]) -> dict[str, Any]:
    try:
        config = registry.validate_config(executor.task_type, raw)
    except ValidationError as exc:
        found = registry.config_errors(exc, model=executor.config_model)
        problems.update({path("config", field): messages for field, messages in found.items()})
        return {}
    if len(json.dumps(config)) > CONFIG_BYTES:
        problems["config"] = [f"The config is larger than {CONFIG_BYTES // 1024} KiB; keep large data elsewhere."]
    return config


def _priority(draft: Draft, problems: dict[str, list[str]]) -> int:
    try:
        return priority.number_for(draft.priority)
    except ValueError as exc:
        problems["priority"] = [str(exc)]
        return 0


def _defaults(draft: Draft, executor: Executor[Any] | None, fleet: FleetPolicy) -> dict[str, Any]:
    """What the draft left open."""
    own_timeout = executor is not None and executor.timeout != Executor.timeout
    timeout = executor.timeout if executor is not None and own_timeout else fleet.default_timeout
    starts = draft.trigger_on_dependencies
    chosen: dict[str, Any] = {
        "task_type": executor.task_type if executor else draft.task_type,
        "trigger_on_dependencies": "schedule" not in draft.model_fields_set if starts is None else starts,
        "retry_conditions": None if draft.retry_conditions is None else sorted(set(draft.retry_conditions)),
    }
    fallbacks = {
        "pool": executor.pool if executor else "default",
        "idempotent": executor.idempotent if executor else True,
        "timeout_seconds": timeout.total_seconds(),
        "max_retries": fleet.max_retries,
        "dependency_timeout_seconds": fleet.dependency_timeout.total_seconds(),
    }
    for field, fallback in fallbacks.items():
        given = getattr(draft, field)
        chosen[field] = fallback if given is None else given
    return chosen


def _check_pool(pool: str, problems: dict[str, list[str]]) -> None:
    pools = list(policy().pools)
    if pool not in pools:
        problems["pool"] = [unknown(pool, pools, what="pool")]


def _check_numbers(draft: Draft, problems: dict[str, list[str]]) -> None:
    if draft.max_delay_ms < draft.initial_delay_ms:
        problems["max_delay_ms"] = ["The longest delay is below initial_delay_ms; raise it."]
    if draft.concurrency_limit is not None and not draft.concurrency_key:
        problems["concurrency_limit"] = ["A limit needs the concurrency_key it limits. For this task alone use max_concurrent."]
