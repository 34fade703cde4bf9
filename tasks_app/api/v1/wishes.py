"""The bodies that verbs of the API take; a task itself is written as `engine/drafts.Draft`."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, create_model, model_validator

from tasks_app.engine.batches import MOST_MEMBERS
from tasks_app.engine.drafts import Draft, Flag, Milliseconds, Name, Priority
from tasks_app.engine.reading import Body

MOST_DRAFTS = 10_000
MOST_IDS = 1_000
MAX_PARALLEL = 5

Config = Annotated[dict[str, Any], Field(description="Laid over the task's config for this run.")]


class Overrides(Body):
    """What one run does differently."""

    config: Config = {}
    inputs: Annotated[dict[str, Any], Field(description="Handed to the executor beside its upstreams' results.")] = {}

    def given(self) -> dict[str, Any] | None:
        """As the verbs take it: only what says something."""
        return {name: value for name, value in (("config", self.config), ("inputs", self.inputs)) if value} or None


class Execute(Body):
    """Run a task: now, after `delay_ms` or at `run_at`; alone, or with what it depends on or what depends on it."""

    overrides: Overrides = Overrides()
    config: Config = {}
    priority: Priority | None = None
    delay_ms: Milliseconds = 0
    run_at: AwareDatetime | None = None
    force: Annotated[bool, Field(strict=True, description="Run although upstreams have not ended as asked.")] = False
    with_upstream: Flag = False
    with_downstream: Flag = False

    @model_validator(mode="after")
    def _one_way(self) -> "Execute":
        if self.config and self.overrides.config:
            raise ValueError("Give config or overrides.config, not both.")
        if self.run_at is not None and self.delay_ms:
            raise ValueError("Give run_at or delay_ms, not both.")
        alone = self.run_at is not None or self.delay_ms or self.priority is not None or self.force
        if alone and (self.with_upstream or self.with_downstream):
            raise ValueError("A workflow run starts now: leave run_at, delay_ms, priority and force away.")
        return self

    def chosen(self) -> dict[str, Any] | None:
        """The overrides, wherever they were written."""
        return Overrides(config=self.config or self.overrides.config, inputs=self.overrides.inputs).given()


class Clone(Body):
    """The name of the copy; without one the source's name with "copy" behind it."""

    name: Name | None = None


class Reason(Body):
    """Why, for the history."""

    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class Rerun(Body):
    """Run again, with these overrides or those of the first time."""

    overrides: Overrides | None = None


class ManyExecutions(Body):
    """A verb on many executions, each with its own outcome."""

    action: Literal["retry", "cancel"]
    ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_IDS)]
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class StartBatch(Body):
    """Run tasks together, at most `max_parallel` of them at once. A task may be named more than once."""

    task_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_MEMBERS)]
    max_parallel: Annotated[int, Field(strict=True, ge=1, le=MOST_MEMBERS)] = MAX_PARALLEL
    stop_on_failure: Flag = False
    overrides: Annotated[
        Overrides | list[Overrides | None] | None, Field(description="For all, or one entry a task.")
    ] = None
    name: Annotated[str, StringConstraints(max_length=200)] = ""
    priority: Priority | None = None


class StartWorkflow(Body):
    """Run tasks as one workflow run, in the order of their dependencies."""

    task_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_DRAFTS)]
    with_upstream: Flag = False
    with_downstream: Flag = False
    overrides: Annotated[Overrides, Field(description="For the tasks named, not for those they bring.")] = Overrides()
    name: Annotated[str, StringConstraints(max_length=200)] = ""


class Preview(Body):
    """When would this be due?"""

    schedule: Annotated[str, StringConstraints(max_length=200)] | None
    timezone: Annotated[str, StringConstraints(max_length=64)] = "UTC"
    count: Annotated[int, Field(strict=True, ge=1, le=100)] = 5
    start_at: AwareDatetime | None = None
    end_at: AwareDatetime | None = None


class NewDependency(Body):
    """`task` waits for, or is started by, `upstream`."""

    task: UUID
    upstream: UUID
    condition: Literal["success", "failure", "completion", "custom"] = "success"
    expression: Annotated[str, StringConstraints(max_length=512)] = ""
    delay_ms: Milliseconds = 0


Adopt = create_model(
    "Adopt",
    __base__=Draft,
    __doc__="A task made from a template: its required config, and whatever else is to differ from the template.",
    name=(Name | None, None),
    task_type=(str | None, None),
)


class Credentials(Body):
    """A user's name and password, to the letter."""

    model_config = ConfigDict(str_strip_whitespace=False)

    username: Annotated[str, StringConstraints(min_length=1, max_length=150)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class RefreshToken(Body):
    """A refresh token."""

    refresh: Annotated[str, StringConstraints(min_length=1, max_length=8192)]


class AnyToken(Body):
    """An access or refresh token."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=8192)]
