"""What all pages of the admin share: lists that count nothing large, read-only tables, permission to run tasks.

Subclassed by the pages. No page's own fields may come in here.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from tasks_app.admin.paginator import EstimatingPaginator, FleetList


class FleetAdmin(ModelAdmin):
    """A list without full counts, sorted only by what an index carries."""

    paginator = EstimatingPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_filter_submit = True
    list_per_page = 50
    list_disable_select_all = True
    list_fullwidth = True
    sortable_by: tuple[str, ...] | None = ()
    compressed_fields = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[FleetList]:
        """A list that does not know its total."""
        return FleetList

    def has_execute_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person may run, cancel and retry."""
        return request.user.has_perm("tasks_app.execute_task")


class ReadOnlyAdmin(FleetAdmin):
    """A table that is written by the engine only."""

    actions: Any = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows come from the engine."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are changed by verbs."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows leave by retention."""
        return False
