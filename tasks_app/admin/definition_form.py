"""The form of a task: everything a draft holds, on one page. It judges only its own syntax; authoring judges the rest.

Called by the page of tasks. `changes()` is what authoring is handed, `complain()` puts its refusal beside the fields.
"""

from typing import Any

from django import forms
from django.conf import settings

from tasks_app.admin import form_fields as field
from tasks_app.domain.priority import HIGHEST, LOWEST, NUMBERS
from tasks_app.domain.refusals import Refused
from tasks_app.engine.drafts import VERSION_FIELDS, content_of
from tasks_app.models import Schedule, TaskDefinition
from tasks_app.queries import task_types

WHEN = ("schedule", "timezone", "start_at", "end_at", "catch_up", "overlap")
RETRYABLE = ("network_error", "timeout", "rate_limit", "temporary_failure")
_TRI_STATE = {"": None, "true": True, "false": False}
_STARTS = (
    ("", "Yes, unless there is a schedule"),
    ("true", "Yes, they start it"),
    ("false", "No, they hold it back only"),
)
_NAMES = {number: name for name, number in NUMBERS.items()}


def _types() -> list[tuple[str, str]]:
    return [(slug, slug) for slug in task_types.names()]


def _pools() -> list[tuple[str, str]]:
    return [("", "As the task type says"), *((pool, pool) for pool in settings.TASKFLEET.pools)]


def _priorities() -> list[tuple[int, str]]:
    return [(n, f"{n} {_NAMES.get(n, '')}".strip()) for n in range(HIGHEST, LOWEST - 1, -1)]


class DefinitionForm(forms.ModelForm):
    """Fields of the head, of the version and of the schedule together."""

    description = field.paragraph()
    tags = field.tag_words(help_text="with commas between")
    task_type = field.select(_types, required=True)
    config = field.json_area(initial=dict)
    schedule = field.text(help_text="every 5 minutes · weekdays at 8:30 · cron (5 or 6 fields) · one date · or nothing")
    timezone = field.text(initial="UTC", help_text="for example Europe/Berlin")
    start_at = field.instant(label="Not before")
    end_at = field.instant(label="Not after")
    catch_up = field.select(Schedule.CatchUp.choices, initial="latest", help_text="of the times that were missed")
    overlap = field.select(Schedule.Overlap.choices, initial="queue", help_text="when the run before has not ended")
    pool = field.select(_pools)
    priority = field.select(_priorities, initial=NUMBERS["normal"])
    timeout_seconds = field.decimal(help_text="empty: as the task type says")
    start_by_seconds = field.decimal(help_text="not begun by then: missed; empty: it waits")
    idempotent = field.select(field.YES_NO, help_text="whether it may safely run twice")
    max_concurrent = field.number(help_text="runs of this task at once")
    concurrency_key = field.text(help_text="tasks with one key share one limit")
    concurrency_limit = field.number(help_text="runs at once under that key")
    max_retries = field.number()
    initial_delay_ms = field.number(initial=1_000)
    max_delay_ms = field.number(initial=30_000)
    backoff_multiplier = field.decimal(initial=2.0)
    jitter = field.decimal(initial=0.5, help_text="0 to 1: the part of the delay left to chance")
    retry_conditions = field.several([(kind, kind) for kind in RETRYABLE], help_text="none ticked: all of them")
    dependency_mode = field.select([("all", "All of them"), ("any", "Any one of them")], label="Waits for")
    trigger_on_dependencies = field.select(_STARTS, label="Do they start it?")
    dependency_timeout_seconds = field.decimal(help_text="then the run is skipped")
    version = forms.IntegerField(required=False, widget=forms.HiddenInput())

    class Meta:
        model = TaskDefinition
        fields = ("name", "description", "tags", "assignees")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        task = kwargs.get("instance")
        if task is not None and task.current_version is not None:
            kwargs["initial"] = {**stored(task), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def changes(self) -> dict[str, Any]:
        """What the person changed, as a draft's fields; for a new task whatever was given."""
        new = self.instance._state.adding
        wanted = set(self.fields) - {"version"} if new else set(self.changed_data) - {"version"}
        found = {name: self._value(name) for name in wanted - set(WHEN)}
        if wanted & set(WHEN) and (not new or self.cleaned_data["schedule"]):
            found["schedule"] = self._schedule()
        if new:
            found = {name: value for name, value in found.items() if value not in (None, "", [], ())}
        return found

    def _value(self, name: str) -> Any:
        value = self.cleaned_data[name]
        if name in {"idempotent", "trigger_on_dependencies"}:
            return _TRI_STATE[value]
        if name == "assignees":
            return [person.get_username() for person in value]
        if name == "priority":
            return int(value)
        if name == "config":
            return {} if value is None else value
        return (value or None) if name in {"pool", "retry_conditions"} else value

    def _schedule(self) -> dict[str, Any] | None:
        if not self.cleaned_data["schedule"]:
            return None
        rest = {name: self.cleaned_data[name] for name in WHEN[1:] if self.cleaned_data[name] not in (None, "")}
        return {"text": self.cleaned_data["schedule"], **rest}

    def complain(self, no: Refused) -> dict[str, list[str]]:
        """Put a refusal beside the fields it names; what belongs to dependencies is handed back."""
        dependencies = {}
        for path, messages in no.fields.items():
            first, _, rest = path.partition(".")
            if first == "dependencies":
                dependencies[rest] = messages
                continue
            name = rest if first == "schedule" and rest in self.fields else first
            where = f"{rest}: " if rest and name == first and rest != "text" else ""
            self.add_error(name if name in self.fields else None, [where + message for message in messages])
        if not no.fields:
            self.add_error(None, no.message)
        return dependencies


def stored(task: TaskDefinition) -> dict[str, Any]:
    """What the form shows of a task that exists."""
    assert task.current_version is not None, "a task always has a current version"
    content = content_of(task.current_version)
    for name in ("idempotent", "trigger_on_dependencies"):
        content[name] = "true" if content[name] else "false"
    found = {**content, "version": task.current_version.number}
    schedule = task.schedules.order_by("pk").first()
    if schedule is not None:
        found |= {"schedule": schedule.text, **{name: getattr(schedule, name) for name in WHEN[1:]}}
    return found


assert set(VERSION_FIELDS) <= set(DefinitionForm.base_fields), "every field of a version has its place in the form"
