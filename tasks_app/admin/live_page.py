"""A read-only page whose content refreshes itself until nothing can change any more. Subclassed by executions, batches
and workflow runs; each gives its content as one value and names two templates.
"""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse

from tasks_app.admin.fleet import ReadOnlyAdmin


class LivePage(ReadOnlyAdmin):
    """`content_template` draws `page`; the page around it is the same for all."""

    change_form_template = "taskfleet/live_page.html"
    content_template: str
    refresh_ms = 3_000

    def page(self, row: Any) -> Any:
        """Everything the content shows."""
        raise NotImplementedError

    def ended(self, row: Any) -> bool:
        """Whether nothing will change any more."""
        raise NotImplementedError

    def name_of(self, row: Any) -> str:
        """The title of the page."""
        return str(row)

    def get_urls(self) -> list[URLPattern]:
        """The refreshing part has an address of its own."""
        live = path("<uuid:key>/live/", self.admin_site.admin_view(self.live), name=self._live_name)
        return [live, *super().get_urls()]

    @property
    def _live_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_live"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The whole page."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            "page": self.page(row),
            "ended": self.ended(row),
            "content_template": self.content_template,
            "refresh_ms": self.refresh_ms,
            "live_url": reverse(f"admin:{self._live_name}", args=[row.pk]),
            "title": self.name_of(row),
            "subtitle": None,
        }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def live(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """The content alone."""
        row = get_object_or_404(self.get_queryset(request), pk=key)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        answer = render(request, self.content_template, {"page": self.page(row)})
        answer["X-Live"] = "ended" if self.ended(row) else "goes on"
        return answer
