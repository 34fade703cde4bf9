"""The bodies in which tasks are written, and the short answers to writing them."""

from typing import Any, Optional

from pydantic import Field, create_model
from rest_framework import serializers

from tasks_app.api.v1.task_shapes import TaskShape
from tasks_app.api.v1.wishes import MOST_DRAFTS
from tasks_app.engine.drafts import Draft, Flag, Whole
from tasks_app.engine.reading import Body


class NewTask(Draft):
    """A task as it is written; `validate_only` checks everything and writes nothing."""

    validate_only: Flag = False


class BulkTasks(Body):
    """Tasks that may depend on each other by name: all of them are written or, if one is wrong, none."""

    tasks: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_DRAFTS)
    validate_only: Flag = False


class BulkTasksInFull(BulkTasks):
    """The same for the API's description, with the fields of each task."""

    tasks: list[Draft] = Field(min_length=1, max_length=MOST_DRAFTS)  # type: ignore[assignment]


class Check(Body):
    """The two fields of an edit that are no field of a task."""

    version: Whole | None = Field(None, description="The version you have read; refused with 409 if it is not current.")
    validate_only: Flag = False


_OPTIONAL: dict[str, Any] = {name: (Optional[info.annotation], None) for name, info in Draft.model_fields.items()}  # noqa: UP045
TaskChanges = create_model("TaskChanges", __base__=Check, __doc__="Only what is to change.", **_OPTIONAL)
WholeTask = create_model("WholeTask", __base__=(Draft, Check), __doc__="A task; what is absent gets its default.")


class Checked(serializers.Serializer):
    """The answer to `validate_only`: the task as it would be."""

    valid = serializers.BooleanField()
    task = TaskShape()


class Reference(serializers.Serializer):
    """A task by id and name."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class BulkAnswer(serializers.Serializer):
    """The tasks that were written, in the order they were sent."""

    created = serializers.IntegerField()
    results = Reference(many=True)


class BulkChecked(serializers.Serializer):
    """The answer to `validate_only` for many tasks."""

    valid = serializers.BooleanField()
    would_create = serializers.IntegerField()
