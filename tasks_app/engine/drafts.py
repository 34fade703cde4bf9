"""What a person writes down about a task: the fields of the API's body, of a template and of the SDK's `create_task`.

Types, ranges and defaults stand here; whatever needs the registry, the settings or the database is judged in
`contents`, `edges` and `authoring`.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints

from tasks_app.domain.priority import NORMAL, number_for
from tasks_app.engine.reading import Body
from tasks_app.models import DefinitionVersion, TaskDefinition

TEN_YEARS_SECONDS = 315_360_000
TEN_YEARS_MS = TEN_YEARS_SECONDS * 1000
RetryCondition = Literal["network_error", "timeout", "rate_limit", "temporary_failure"]

Whole = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Milliseconds = Annotated[int, Field(strict=True, ge=0, le=TEN_YEARS_MS)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=TEN_YEARS_SECONDS)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Named = Literal["low", "normal", "high", "critical"]
Priority = Annotated[
    int,
    BeforeValidator(lambda value: number_for(value), json_schema_input_type=Named | Annotated[int, Field(ge=0, le=9)]),
]


def _reference(value: Any) -> Any:
    return {"task": str(value)} if isinstance(value, str | UUID) else value


def _text(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class DependencyDraft(Body):
    """An edge from `task` (an id or a name) to the task that is being written."""

    task: Name
    condition: Literal["success", "failure", "completion", "custom"] = "success"
    expression: Annotated[str, StringConstraints(max_length=512)] = ""
    delay_ms: Milliseconds = 0


class ScheduleDraft(Body):
    """When the task is due: `text` is cron (5 or 6 fields), words, a duration or an instant; null, "manual": never."""

    text: Annotated[str, StringConstraints(max_length=200)] | None
    timezone: Annotated[str, StringConstraints(max_length=64)] = "UTC"
    start_at: AwareDatetime | None = None
    end_at: AwareDatetime | None = None
    catch_up: Literal["none", "latest", "all"] = "latest"
    overlap: Literal["skip", "queue", "allow"] = "queue"
    misfire_seconds: Seconds | None = None
    grace_seconds: Seconds | None = None


AnyDependency = Annotated[DependencyDraft, BeforeValidator(_reference, json_schema_input_type=str | DependencyDraft)]
AnySchedule = Annotated[ScheduleDraft | None, BeforeValidator(_text, json_schema_input_type=str | ScheduleDraft | None)]


class Draft(Body):
    """A task as somebody writes it. Absent fields mean what stands here, or what the task type or operator says."""

    name: Name
    task_type: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    config: dict[str, Any] = {}
    description: Annotated[str, StringConstraints(max_length=10_000)] = ""
    status: Literal["active", "paused"] = "active"
    tags: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=60)], ...], Field(max_length=50)
    ] = ()
    assignees: Annotated[tuple[Name, ...], Field(max_length=500, description="usernames")] = ()
    schedule: AnySchedule = None
    dependencies: Annotated[tuple[AnyDependency, ...], Field(max_length=20_000)] = ()
    dependency_mode: Literal["all", "any"] = "all"
    trigger_on_dependencies: Flag | None = None
    dependency_timeout_seconds: Seconds | None = None
    pool: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
    priority: Priority = NORMAL
    timeout_seconds: Seconds | None = None
    max_retries: Annotated[int, Field(strict=True, ge=0, le=100)] | None = None
    initial_delay_ms: Annotated[int, Field(strict=True, ge=0, le=86_400_000)] = 1_000
    max_delay_ms: Annotated[int, Field(strict=True, ge=0, le=86_400_000)] = 30_000
    backoff_multiplier: Annotated[float, Field(strict=True, ge=1, le=100)] = 2.0
    jitter: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.5
    retry_conditions: tuple[RetryCondition, ...] | None = None
    idempotent: Flag | None = None
    max_concurrent: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    concurrency_key: Annotated[str, StringConstraints(max_length=120)] = ""
    concurrency_limit: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    start_by_seconds: Seconds | None = None


HEAD_FIELDS = ("name", "description", "tags", "assignees")
VERSION_FIELDS = (
    "task_type",
    "config",
    "pool",
    "priority",
    "timeout_seconds",
    "max_retries",
    "initial_delay_ms",
    "max_delay_ms",
    "backoff_multiplier",
    "jitter",
    "retry_conditions",
    "idempotent",
    "max_concurrent",
    "concurrency_key",
    "concurrency_limit",
    "start_by_seconds",
    "dependency_mode",
    "trigger_on_dependencies",
    "dependency_timeout_seconds",
)


def content_of(version: DefinitionVersion) -> dict[str, Any]:
    """A version's content, as a draft holds it and as the columns are named."""
    return {field: getattr(version, field) for field in VERSION_FIELDS}


def written(definition: TaskDefinition) -> dict[str, Any]:
    """A task as the draft that would make it again, but for its schedule, dependencies and assignees."""
    version = definition.current_version
    assert version is not None, "a task always has a current version"
    head = {"name": definition.name, "description": definition.description, "tags": definition.tags}
    return {**head, **content_of(version)}


def etag(definition: TaskDefinition) -> str:
    """Changes with every edit of head or content; what `If-Match` is held against."""
    version = definition.current_version
    return f'"{version.number if version else 0}-{int(definition.updated_at.timestamp() * 1_000_000)}"'
