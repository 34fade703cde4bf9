"""Templates: tasks not yet adopted, built in or of one's own."""

import json
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.forms import BaseDialogForm

from tasks_app.admin import form_fields as field
from tasks_app.admin import words
from tasks_app.admin.definition_columns import page_of
from tasks_app.admin.dialogs import PRIMARY, asking, dialog
from tasks_app.admin.fleet import ReadOnlyAdmin
from tasks_app.admin.reply import again, go, person
from tasks_app.domain.refusals import Refused
from tasks_app.engine import templates
from tasks_app.models import Template


class AdoptForm(BaseDialogForm):
    """What a template leaves open."""

    name = field.text(label="Name of the task", max_length=200)
    config = field.json_area(rows=6, help_text="laid over the template's own config")
    schedule = field.text(help_text="empty: the template's own")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        template = Template.objects.filter(pk=self.object_id).first()
        if template is not None:
            self.initial = {"name": template.name, "config": dict.fromkeys(template.required, "")}
            self.fields["schedule"].widget.attrs["placeholder"] = _schedule_text(template)


ADOPT = dialog(
    "Adopt this template",
    "It becomes a task of yours, which you can edit like any other.",
    yes="Adopt",
    form=AdoptForm,
)


@admin.register(Template)
class TemplateAdmin(ReadOnlyAdmin):
    """Adopt one to make a task of it."""

    list_display = ("name", "category", "task_type", "seen_by", "built_in", "version", "owner")
    list_filter = (("built_in", BooleanRadioFilter),)
    list_select_related = ("owner",)
    search_fields = ("name", "slug", "description", "category")
    ordering = ("category", "name")
    change_form_template = "taskfleet/template.html"
    actions_detail = ("adopt",)
    actions_row = ("adopt",)

    def has_adopt_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Adopting makes a task."""
        return request.user.has_perm("tasks_app.add_taskdefinition")

    @asking(ADOPT, label="Adopt", icon="library_add", needs="adopt", look=PRIMARY)
    def adopt(self, request: HttpRequest, form: AdoptForm, object_id: str) -> HttpResponse:
        """Make a task of it and go there."""
        given = {name: form.cleaned_data[name] for name in ("name", "config", "schedule") if form.cleaned_data[name]}
        try:
            task = templates.adopt(Template.objects.get(pk=object_id), given, by=person(request))
        except Refused as no:
            return again(request, form, ADOPT, no)
        messages.success(request, "Adopted: this is your task.")
        return go(request, page_of(task))

    @admin.display(description="visible to")
    def seen_by(self, template: Template) -> str:
        """Who may adopt it."""
        return template.get_visibility_display().lower()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of one template."""
        template = self.get_object(request, object_id)
        if template is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            "title": template.name,
            "subtitle": None,
            "template": template,
            "facts": _facts(template),
            "content": json.dumps(template.content, indent=2, ensure_ascii=False),
        }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})


def _schedule_text(template: Template) -> str:
    schedule = template.content.get("schedule") or ""
    return schedule if isinstance(schedule, str) else str(schedule.get("text") or "")


def _facts(template: Template) -> list[tuple[str, Any]]:
    return [
        ("Task type", template.task_type),
        ("Category", template.category or words.NONE),
        ("You give", ", ".join(template.required) or "nothing"),
        ("Origin", "built in" if template.built_in else f"by {template.owner or 'nobody'}"),
        ("Visible to", template.get_visibility_display().lower()),
        ("Version", template.version),
        ("Changed", words.when(template.updated_at)),
    ]
