"""Batches: progress, members, cancel, retry of the failed ones."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesRadioFilter

from tasks_app.admin import bars, words
from tasks_app.admin.dialogs import DANGER, PRIMARY, asking, dialog
from tasks_app.admin.lines import Line, line
from tasks_app.admin.live_page import LivePage
from tasks_app.admin.paginator import FleetList
from tasks_app.admin.reply import carry_out, go, person
from tasks_app.engine import batches
from tasks_app.models import Batch, Execution
from tasks_app.queries.batch_pages import Share, shares
from tasks_app.queries.batches import progress

SHOWN = 25
WHY = "cancelled in the admin"
CANCEL = dialog(
    "Cancel this batch?", "Members that wait end at once, running ones are told to stop.", yes="Cancel batch"
)
RETRY = dialog(
    "Retry the failed members?",
    "Every member that failed, was missed or cancelled runs again in its place.",
    yes="Retry",
)


class WithShares(FleetList):
    """A page of batches, each with its progress."""

    def get_results(self, request: HttpRequest) -> None:
        """One more statement for the whole page."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        found = shares(self.result_list)
        for row in self.result_list:
            row.share = found[row.pk]


@dataclass(frozen=True)
class Page:
    """Everything the template needs, in words."""

    batch: Batch
    state: SafeString | str
    progress: dict[str, Any]
    bar: SafeString
    pieces: list[tuple[str, float, str]]
    facts: list[tuple[str, Any]]
    failures: list[Line]
    recent: list[Line]
    members_url: str


@admin.register(Batch)
class BatchAdmin(LivePage):
    """Executions started together."""

    list_display = ("named", "shown_state", "shown_progress", "total", "max_parallel", "owner", "created", "took")
    list_filter = (("state", ChoicesRadioFilter),)
    list_select_related = ("owner",)
    list_per_page = 25
    ordering = ("-created_at", "-id")
    search_fields = ("name",)
    content_template = "taskfleet/batch_content.html"
    actions_detail = ("cancel", "retry_failed")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[WithShares]:
        """With the progress of each."""
        return WithShares

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Cancel while it runs, retry after."""
        found: list[Any] = super().get_actions_detail(request, object_id)
        state = Batch.objects.filter(pk=object_id).values_list("state", flat=True).first()
        useless = "_retry_failed" if state == Batch.State.RUNNING else "_cancel"
        return [item for item in found if not item.action_name.endswith(useless)]

    @admin.display(description="batch")
    def named(self, batch: Batch) -> str:
        """Name or id."""
        return str(batch)

    @admin.display(description="state")
    def shown_state(self, batch: Batch) -> SafeString | str:
        """The state in its colour."""
        return words.badge(batch.state)

    @admin.display(description="progress")
    def shown_progress(self, batch: Any) -> SafeString:
        """Members by state."""
        share: Share = batch.share
        return bars.bar(share.counts, total=share.total, words=f"{'~' * share.rough}{share.percent} %")

    @admin.display(description="created")
    def created(self, batch: Batch) -> SafeString | str:
        """Relative, exact on hover."""
        return words.when(batch.created_at)

    @admin.display(description="duration")
    def took(self, batch: Batch) -> str:
        """Until now while it runs."""
        return words.between(batch.started_at or batch.created_at, batch.finished_at)

    def ended(self, row: Batch) -> bool:
        """Whether it has its end."""
        return row.state != Batch.State.RUNNING

    def page(self, row: Batch) -> Page:
        """Progress, failures and the newest members."""
        now = progress(row)
        counts = now["counts"]
        members = Execution.objects.filter(batch_id=row.pk, superseded=False).select_related("definition")
        percent = f"{now['percent']:.0f} %"
        return Page(
            batch=row,
            state=words.badge(row.state),
            progress=now,
            bar=bars.bar(counts, total=row.total, words=percent),
            pieces=bars.pieces(counts, total=row.total),
            facts=_facts(row, now),
            failures=_lines(members.filter(state="failed")),
            recent=_lines(members.filter(state="running")),
            members_url=f"{reverse('admin:tasks_app_execution_changelist')}?batch_id__exact={row.pk}",
        )

    @asking(CANCEL, label="Cancel", icon="cancel", needs="execute", look=DANGER)
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """End what has not ended."""
        batch = Batch.objects.get(pk=object_id)
        reached = carry_out(request, lambda: batches.cancel(batch, by=person(request), reason=WHY))
        if reached is not None:
            messages.success(request, f"{reached} members cancelled or told to stop.")
        return go(request, reverse("admin:tasks_app_batch_change", args=[object_id]))

    @asking(RETRY, label="Retry failed", icon="replay", needs="execute", look=PRIMARY)
    def retry_failed(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Run the failed members again."""
        batch = Batch.objects.get(pk=object_id)
        again = carry_out(request, lambda: batches.retry_failed(batch, by=person(request)))
        if again is not None:
            messages.success(request, f"{again} members run again." if again else "Nothing failed; nothing to retry.")
        return go(request, reverse("admin:tasks_app_batch_change", args=[object_id]))


def _lines(members: QuerySet[Execution]) -> list[Line]:
    return [line(member, name=f"[{member.batch_position}] {member.definition.name}") for member in members[:SHOWN]]


def _facts(batch: Batch, now: dict[str, Any]) -> list[tuple[str, Any]]:
    rate, left = now.get("rate_per_second"), now.get("estimated_seconds_left")
    return [
        ("Members", f"{batch.total:,}"),
        ("At most at once", batch.max_parallel),
        ("On a failure", "stops" if batch.stop_on_failure else "goes on"),
        ("Pool, priority", f"{batch.pool}, {batch.priority}"),
        ("Owner", batch.owner or words.NONE),
        ("Created", words.when(batch.created_at)),
        ("Started", words.when(batch.started_at)),
        ("Finished", words.when(batch.finished_at)),
        ("Rate", f"{rate:.2f} per second" if rate else words.NONE),
        ("Left, by that rate", words.span(left) if left is not None else words.NONE),
    ]
