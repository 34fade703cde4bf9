"""Schedules: in words, the next instants, the projection for django-celery-beat, the ledger. Edited at the task."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter

from tasks_app.admin import words
from tasks_app.admin.definition_columns import page_of, schedule_words
from tasks_app.admin.definition_extras import FIRES
from tasks_app.admin.fleet import ReadOnlyAdmin
from tasks_app.admin.occurrences import lines_of
from tasks_app.domain.schedules import ScheduleError, next_fires
from tasks_app.domain.zones import zone
from tasks_app.models import Occurrence, Schedule


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """When tasks are due."""

    list_display = ("of", "in_words", "text", "timezone", "next_due", "last_due", "condition")
    list_display_links = ("of", "in_words")
    list_filter = (("enabled", BooleanRadioFilter),)
    list_select_related = ("definition", "periodic_task")
    search_fields = ("definition__name", "text", "periodic_task__name")
    search_help_text = "part of the task's name or of the schedule"
    ordering = ("next_due_at", "id")
    sortable_by = ("next_due",)
    change_form_template = "taskfleet/schedule.html"

    @admin.display(description="task")
    def of(self, schedule: Schedule) -> str:
        """The task, or the periodic task somebody made by hand."""
        if schedule.definition:
            return schedule.definition.name
        return f"{schedule.periodic_task.name} (by hand)" if schedule.periodic_task else words.NONE

    @admin.display(description="in words")
    def in_words(self, schedule: Schedule) -> str:
        """What the text means."""
        return schedule_words(schedule)

    @admin.display(description="next due", ordering="next_due_at")
    def next_due(self, schedule: Schedule) -> SafeString | str:
        """Relative, exact on hover."""
        return words.when(schedule.next_due_at)

    @admin.display(description="last due")
    def last_due(self, schedule: Schedule) -> SafeString | str:
        """Relative, exact on hover."""
        return words.when(schedule.last_due_at)

    @admin.display(description="state")
    def condition(self, schedule: Schedule) -> SafeString | str:
        """Whether it fires, and if not, why."""
        if schedule.error:
            return words.badge("failed", text="cannot be read")
        if not schedule.enabled:
            return words.badge("stopped", text="off")
        if schedule.stale_at:
            return words.badge("pending", text="being reread")
        if schedule.next_due_at is None:
            return words.badge("paused", text="not due")
        return words.badge("active")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of one schedule."""
        schedule = self.get_object(request, object_id)
        if schedule is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            "title": self.of(schedule),
            "subtitle": None,
            "words": schedule_words(schedule),
            "state": self.condition(schedule),
            "facts": _facts(schedule),
            "fires": _fires(schedule),
            "zone": schedule.timezone,
            "occurrences": lines_of(_ledger(schedule)),
            "ledger_url": f"{reverse('admin:tasks_app_occurrence_changelist')}?schedule_id__exact={schedule.pk}",
            "task_url": page_of(schedule.definition) if schedule.definition else "",
        }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})


def _ledger(schedule: Schedule) -> QuerySet[Occurrence]:
    return Occurrence.objects.filter(schedule_id=schedule.pk).order_by("-due_at")[:20]


def _fires(schedule: Schedule) -> list[tuple[str, str]]:
    """The next instants, here and there; none while it is off or cannot be read."""
    if schedule.next_due_at is None:
        return []
    bounds = {"anchor": schedule.anchor, "start": schedule.start_at, "end": schedule.end_at}
    try:
        fires = next_fires(schedule.text, timezone=schedule.timezone, after=timezone.now(), count=FIRES, **bounds)
        there = zone(schedule.timezone)
    except (ScheduleError, ValueError):
        return []
    return [(words.exact(due), f"{due.astimezone(there):%a %d %b %Y, %H:%M:%S}") for due in fires]


def _facts(schedule: Schedule) -> list[tuple[str, Any]]:
    facts = [
        ("Text", schedule.text),
        ("Zone", schedule.timezone),
        ("Next due", words.when(schedule.next_due_at)),
        ("Last due", words.when(schedule.last_due_at)),
        ("Not before", words.exact(schedule.start_at)),
        ("Not after", words.exact(schedule.end_at)),
        ("Missed times", f"catch up: {schedule.get_catch_up_display().lower()}"),
        ("Overlap", schedule.get_overlap_display().lower()),
        ("Misfire window", words.span(schedule.misfire_seconds)),
        ("Late after", words.span(schedule.grace_seconds)),
        ("Projection", _projection(schedule)),
        ("Problem", schedule.error),
    ]
    return [(name, value) for name, value in facts if value not in ("", words.NONE)]


def _projection(schedule: Schedule) -> Any:
    task = schedule.periodic_task
    if task is None:
        return ""
    url = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    return words.link(url, str(task), title="its row in django-celery-beat's tables")
