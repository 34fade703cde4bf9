"""django-celery-beat's tables in the admin's look. They may hold a million rows: no count, no DISTINCT, no inlines of
users, schedules chosen by search. Edits here are noticed by the database and become the fleet's own schedules.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django_celery_beat import admin as theirs
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tasks_app.admin.paginator import EstimatingPaginator, FleetList

for _table in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(_table)


class TaskSelect(UnfoldAdminSelectWidget, theirs.TaskSelectWidget):
    """Registered Celery tasks in the admin's look."""


class PeriodicTaskForm(theirs.PeriodicTaskForm):
    """Their form with this admin's widgets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
        if "regtask" in self.fields:
            self.fields["regtask"].widget = TaskSelect()


class _Large:
    """Lists over tables that may be large."""

    paginator = EstimatingPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    date_hierarchy = None
    list_disable_select_all = True
    list_fullwidth = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[FleetList]:
        """A list that does not know its total."""
        return FleetList


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(_Large, theirs.PeriodicTaskAdmin, ModelAdmin):
    """Periodic tasks: made by hand, or the projection of a task's schedule."""

    form = PeriodicTaskForm
    list_display = ("name", "enabled", "scheduler", "task", "last_run_at", "one_off")
    list_filter = ("enabled", "one_off")
    search_fields = ("name", "task")
    ordering = ("-id",)
    sortable_by = ()
    autocomplete_fields = ("interval", "crontab", "solar", "clocked")
    change_form_template = None

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Past their own view, which reads every crontab of the table into the page."""
        return super(theirs.PeriodicTaskAdmin, self).changeform_view(request, *args, **kwargs)

    def crontab_translation(self, obj: PeriodicTask) -> str:
        """The crontab in words, when there is one."""
        return obj.crontab.human_readable if obj.crontab else "–"


class _ScheduleTable(_Large, ModelAdmin):
    """Their four kinds of schedule; without the list of all who use one."""

    ordering = ("-id",)
    sortable_by = ()
    inlines = ()


@admin.register(IntervalSchedule)
class IntervalAdmin(_ScheduleTable):
    """Every so often."""

    search_fields = ("every", "period")


@admin.register(CrontabSchedule)
class CrontabAdmin(_ScheduleTable):
    """Five fields of cron."""

    list_display = ("__str__", "human_readable")
    fields = ("human_readable", "minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
    readonly_fields = ("human_readable",)
    search_fields = ("minute", "hour", "day_of_week")


@admin.register(SolarSchedule)
class SolarAdmin(_ScheduleTable):
    """By the sun."""

    search_fields = ("event",)


@admin.register(ClockedSchedule)
class ClockedAdmin(_ScheduleTable):
    """Once."""

    fields = ("clocked_time",)
    list_display = ("clocked_time",)
    search_fields = ("clocked_time",)
