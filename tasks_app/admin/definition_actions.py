"""What a person may do to tasks: run, pause, resume, clone, archive; one on its page, many in the list."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.forms import BaseDialogForm

from tasks_app.admin import form_fields as field
from tasks_app.admin.definition_columns import page_of
from tasks_app.admin.dialogs import DANGER, PRIMARY, asking, dialog
from tasks_app.admin.lines import execution_url
from tasks_app.admin.reply import again, ask, carry_out, go, person, request_id
from tasks_app.domain.priority import NUMBERS
from tasks_app.domain.refusals import Refused
from tasks_app.engine import authoring, control, trigger, workflows
from tasks_app.models import TaskDefinition

Verb = Callable[[TaskDefinition], object]
_PRIORITIES = [("", "As the task says"), *((name, name) for name in NUMBERS)]


class RunForm(BaseDialogForm):
    """How to run it this once."""

    config = field.json_area(
        rows=4, label="Config for this run", help_text="merged over the task's own; empty: unchanged"
    )
    priority = field.select(_PRIORITIES)
    delay_seconds = field.decimal(label="Start in (seconds)", min_value=0)
    with_upstream = field.box(label="Run what it waits for first")
    with_downstream = field.box(label="Run what waits for it, too")
    force = field.box(label="Do not wait for dependencies")


class CloneForm(BaseDialogForm):
    """The copy needs a name of its own."""

    name = field.text(label="Name of the copy", max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True


RUN = dialog("Run this task", yes="Run", form=RunForm)
PAUSE = dialog(
    "Pause this task?", "Nothing of it starts by itself until it is resumed; what runs goes on.", yes="Pause"
)
RESUME = dialog("Resume this task?", "Its schedule counts from now on; what waited may start.", yes="Resume")
CLONE = dialog(
    "Clone this task",
    "The copy is yours and paused, so that nothing runs twice by surprise.",
    yes="Clone",
    form=CloneForm,
)
ARCHIVE = dialog(
    "Archive this task?", "Its schedule ends, what waits or runs of it is cancelled, its history stays.", yes="Archive"
)


class DefinitionActions:
    """Mixed into the page of tasks."""

    actions = ("run_selected", "pause_selected", "resume_selected", "clone_selected", "archive_selected")
    actions_detail = ("run", "pause", "resume", "clone", "archive")
    actions_row = ("run",)

    def has_archive_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tasks are archived instead of deleted."""
        return request.user.has_perm("tasks_app.delete_taskdefinition")

    def has_clone_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A clone is a new task."""
        return request.user.has_perm("tasks_app.add_taskdefinition")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only what makes sense in the state it is in."""
        found: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        status = TaskDefinition.objects.filter(pk=object_id).values_list("status", flat=True).first()
        useless = {"active": ("resume",), "paused": ("pause",)}.get(status or "", ("run", "pause", "resume", "archive"))
        return [item for item in found if item.action_name.rsplit("_", 1)[-1] not in useless]

    @asking(RUN, label="Run", icon="play_arrow", needs="execute", look=PRIMARY)
    def run(self, request: HttpRequest, form: RunForm, object_id: str) -> HttpResponse:
        """Start one execution, or a workflow run with its neighbours."""
        task = TaskDefinition.objects.select_related("current_version").get(pk=object_id)
        try:
            url = _run(task, form.cleaned_data, by=person(request))
        except Refused as no:
            return again(request, form, RUN, no)
        messages.success(request, f"Started {task.name}.")
        return go(request, url)

    @asking(PAUSE, label="Pause", icon="pause", needs="change")
    def pause(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Stop it from starting by itself."""
        return self._one(request, object_id, lambda task: control.pause(task, by=person(request)), "Paused.")

    @asking(RESUME, label="Resume", icon="resume", needs="change", look=PRIMARY)
    def resume(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Let it start again."""
        return self._one(request, object_id, lambda task: control.resume(task, by=person(request)), "Resumed.")

    @asking(CLONE, label="Clone", icon="content_copy", needs="clone")
    def clone(self, request: HttpRequest, form: CloneForm, object_id: str) -> HttpResponse:
        """Copy it under another name and go to the copy."""
        task = TaskDefinition.objects.get(pk=object_id)
        try:
            copy = authoring.clone(task, by=person(request), name=form.cleaned_data["name"])
        except Refused as no:
            return again(request, form, CLONE, no)
        messages.success(request, f"This is the copy of {task.name}. It is paused.")
        return go(request, page_of(copy))

    @asking(ARCHIVE, label="Archive", icon="inventory_2", needs="archive", look=DANGER)
    def archive(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Put it away."""
        return self._one(request, object_id, lambda task: authoring.archive(task, by=person(request)), "Archived.")

    def _one(self, request: HttpRequest, object_id: str, verb: Verb, done: str) -> HttpResponse:
        task = TaskDefinition.objects.get(pk=object_id)
        if carry_out(request, lambda: (verb(task), True)):
            self.log_change(request, task, done)  # type: ignore[attr-defined]
            messages.success(request, done)
        return go(request, page_of(task))

    @admin.action(description="Run", permissions=["execute"])
    def run_selected(self, request: HttpRequest, queryset: QuerySet[TaskDefinition]) -> None:
        """One execution of each."""
        who, asked = person(request), request_id()
        self._each(request, queryset, lambda task: trigger.trigger(task, by=who, request_id=asked), "started")

    @admin.action(description="Pause", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[TaskDefinition]) -> None:
        """Each of them."""
        self._each(request, queryset, lambda task: control.pause(task, by=person(request)), "paused")

    @admin.action(description="Resume", permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[TaskDefinition]) -> None:
        """Each of them."""
        self._each(request, queryset, lambda task: control.resume(task, by=person(request)), "resumed")

    @admin.action(description="Clone", permissions=["clone"])
    def clone_selected(self, request: HttpRequest, queryset: QuerySet[TaskDefinition]) -> None:
        """Each under a name of its own."""
        who = person(request)
        self._each(request, queryset, lambda one: authoring.clone(one, by=who, name=_copy_name(one)), "cloned, paused")

    @admin.action(description="Archive", permissions=["archive"])
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[TaskDefinition]) -> HttpResponse | None:
        """Each of them, after asking."""
        question = "Archive these tasks? What waits or runs of them is cancelled."
        asked = ask(request, self, queryset, action="archive_selected", question=question, yes="Archive them")
        if asked is None:
            self._each(request, queryset, lambda task: authoring.archive(task, by=person(request)), "archived")
        return asked

    def _each(self, request: HttpRequest, queryset: QuerySet[TaskDefinition], verb: Verb, done: str) -> None:
        tasks = list(queryset.select_related("current_version"))
        well = 0
        for task in tasks:
            if carry_out(request, lambda task=task: (verb(task), True)):  # type: ignore[misc]
                self.log_change(request, task, done)  # type: ignore[attr-defined]
                well += 1
        if well:
            messages.success(request, f"{well} of {len(tasks)} {done}.")


def _run(task: TaskDefinition, wish: dict[str, Any], *, by: User) -> str:
    """Carry out what the dialog says; the address of what was started."""
    overrides = {"config": wish["config"]} if wish["config"] else None
    if wish["with_upstream"] or wish["with_downstream"]:
        run = workflows.start(
            [task],
            by=by,
            with_upstream=wish["with_upstream"],
            with_downstream=wish["with_downstream"],
            overrides=overrides,
            request_id=request_id(),
        )
        return reverse("admin:tasks_app_workflowrun_change", args=[run.pk])
    delay = timedelta(seconds=wish["delay_seconds"]) if wish["delay_seconds"] else None
    priority = NUMBERS[wish["priority"]] if wish["priority"] else None
    made = trigger.trigger(
        task, by=by, overrides=overrides, delay=delay, priority=priority, force=wish["force"], request_id=request_id()
    )
    return execution_url(made.pk)


def _copy_name(task: TaskDefinition) -> str:
    start = f"{task.name[:180]} (copy"
    taken = set(TaskDefinition.objects.filter(name__startswith=start).values_list("name", flat=True))
    names = (f"{start}{f' {n}' if n > 1 else ''})" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
