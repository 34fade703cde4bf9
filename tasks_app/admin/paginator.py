"""Pages of lists that may be endless: nothing is counted beyond `DEPTH` rows, and a page deeper than that is refused.

Called by every list of the admin through `fleet.FleetAdmin`.
"""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

from tasks_app.queries.estimates import Rows, about, up_to

DEPTH = 10_000


class EstimatingPaginator(Paginator):
    """Counts up to `DEPTH`; an unfiltered larger table shows the planner's estimate instead."""

    template_name = "taskfleet/pagination.html"

    @cached_property
    def rows(self) -> Rows:
        """How many rows the list has, as far as it is cheap to know."""
        queryset: Any = self.object_list
        if not queryset.query.where:
            estimate = about(queryset.model)
            if estimate.number > DEPTH:
                return estimate
        return up_to(DEPTH, queryset.values("pk"))

    @cached_property
    def count(self) -> int:
        """Rows one can page through."""
        return min(self.rows.number, DEPTH)


class FleetList(ChangeList):
    """The number of rows is said once, below the list and in the paginator's words, not in the page's title."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        """As ever, but for the total that nobody counted."""
        super().get_results(request)
        self.full_result_count = self.result_count
