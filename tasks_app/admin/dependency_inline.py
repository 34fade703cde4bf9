"""What a task waits for, edited on the task's page. The whole edit is handed to authoring when this part is judged,
because only then both the form and the edges are known.
"""

from typing import Any

from django import forms
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from unfold import widgets
from unfold.admin import TabularInline
from unfold.forms import PaginationInlineFormSet

from tasks_app.admin.definition_form import DefinitionForm
from tasks_app.domain.refusals import Refused
from tasks_app.engine import authoring
from tasks_app.models import Dependency, TaskDefinition

SHOWN = 200


class Edit:
    """One submitted page: the form, who sent it, and what became of it."""

    def __init__(self, form: DefinitionForm, *, by: User) -> None:
        self.form = form
        self.by = by
        self.task: TaskDefinition | None = None

    def carry_out(self, dependencies: list[dict[str, Any]] | None) -> dict[str, list[str]]:
        """Create or update; complaints about dependencies are the answer, all others stand at the form."""
        changes = self.form.changes()
        if dependencies is not None:
            changes["dependencies"] = dependencies
        try:
            with transaction.atomic():
                self.task = self._write(changes)
        except Refused as no:
            return self.form.complain(no) or {"": []}
        return {}

    def _write(self, changes: dict[str, Any]) -> TaskDefinition:
        task: TaskDefinition = self.form.instance
        if task._state.adding:
            return authoring.create(changes, by=self.by)
        if not changes:
            return task
        return authoring.update(task, changes, by=self.by, expected_version=self.form.cleaned_data.get("version"))


class DependencyFormSet(PaginationInlineFormSet):
    """The edges as rows; judging them judges the page."""

    new_objects: list[Any]
    changed_objects: list[Any]
    deleted_objects: list[Any]

    def is_valid(self) -> bool:
        """Not when authoring refused the page, wherever its complaints stand."""
        edit: Edit | None = getattr(self.instance, "edit", None)
        return bool(super().is_valid()) and (edit is None or edit.task is not None)

    def clean(self) -> None:
        """Hand everything to authoring, unless the form itself was wrong already."""
        super().clean()
        edit: Edit | None = getattr(self.instance, "edit", None)
        self.new_objects, self.changed_objects, self.deleted_objects = [], [], []
        if edit is None or any(self.errors):
            return
        rows = [form for form in self.forms if self._counts(form)]
        complaints = edit.carry_out([_edge(form) for form in rows] if self._edited() else None)
        for place, messages in complaints.items():
            if place.isdigit() and int(place) < len(rows):
                rows[int(place)].add_error("upstream", messages)
            elif messages:
                raise forms.ValidationError(messages)

    def _counts(self, form: Any) -> bool:
        return bool(form.cleaned_data.get("upstream")) and not form.cleaned_data.get("DELETE")

    def _edited(self) -> bool:
        return any(form.has_changed() for form in self.forms)


def _edge(form: Any) -> dict[str, Any]:
    data = form.cleaned_data
    return {
        "task": str(data["upstream"].pk),
        "condition": data["condition"],
        "expression": data.get("expression") or "",
        "delay_ms": data.get("delay_ms") or 0,
    }


class DependencyForm(forms.ModelForm):
    """One edge. Its rules stand in authoring."""

    class Meta:
        model = Dependency
        fields = ("upstream", "condition", "expression", "delay_ms")
        widgets = {"expression": widgets.UnfoldAdminTextInputWidget()}

    def _post_clean(self) -> None:
        """No model validation here: the verb judges edges as a whole."""


class DependencyInline(TabularInline):
    """Upstream tasks, with the condition under which each lets this one go."""

    model = Dependency
    form = DependencyForm
    formset = DependencyFormSet
    fk_name = "downstream"
    fields = ("upstream", "condition", "expression", "delay_ms")
    autocomplete_fields = ("upstream",)
    extra = 0
    max_num = SHOWN
    tab = True
    verbose_name = "dependency"
    verbose_name_plural = "Waits for"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A task is chosen here, not made or changed on the way."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Edges are part of the task."""
        return request.user.has_perm("tasks_app.view_taskdefinition")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Edges are part of the task."""
        return request.user.has_perm("tasks_app.change_taskdefinition")

    has_add_permission = has_change_permission
    has_delete_permission = has_change_permission
