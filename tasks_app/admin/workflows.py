"""Workflow runs: the graph with the states of its nodes, the nodes as a list, cancel."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesRadioFilter

from tasks_app.admin import bars, graph_svg, words
from tasks_app.admin.dialogs import DANGER, asking, dialog
from tasks_app.admin.lines import Line, execution_url, line
from tasks_app.admin.live_page import LivePage
from tasks_app.admin.reply import carry_out, go, person
from tasks_app.engine import control
from tasks_app.models import Execution, Link, WorkflowRun
from tasks_app.queries import graphs

WHY = "cancelled in the admin"
DRAWN = 150
CELLS = 2_000
LISTED = 100
CANCEL = dialog(
    "Cancel this workflow run?", "Nodes that wait end at once, running ones are told to stop.", yes="Cancel run"
)


@dataclass(frozen=True)
class Page:
    """Everything the template needs, in words."""

    run: WorkflowRun
    state: SafeString | str
    bar: SafeString
    pieces: list[tuple[str, float, str]]
    drawing: graph_svg.Drawing | None
    cells: list[tuple[str, str, str]]
    nodes: list[Line]
    facts: list[tuple[str, Any]]
    nodes_url: str


@admin.register(WorkflowRun)
class WorkflowAdmin(LivePage):
    """Tasks started together along their dependencies."""

    list_display = ("named", "shown_state", "total", "owner", "created", "took")
    list_filter = (("state", ChoicesRadioFilter),)
    list_select_related = ("owner",)
    ordering = ("-created_at", "-id")
    search_fields = ("name",)
    content_template = "taskfleet/workflow_content.html"
    actions_detail = ("cancel",)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Nothing to cancel after its end."""
        running = WorkflowRun.objects.filter(pk=object_id, state=WorkflowRun.State.RUNNING).exists()
        return super().get_actions_detail(request, object_id) if running else []

    @admin.display(description="workflow run")
    def named(self, run: WorkflowRun) -> str:
        """Name or id."""
        return str(run)

    @admin.display(description="state")
    def shown_state(self, run: WorkflowRun) -> SafeString | str:
        """The state in its colour."""
        return words.badge(run.state)

    @admin.display(description="created")
    def created(self, run: WorkflowRun) -> SafeString | str:
        """Relative, exact on hover."""
        return words.when(run.created_at)

    @admin.display(description="duration")
    def took(self, run: WorkflowRun) -> str:
        """Until now while it runs."""
        return words.between(run.created_at, run.finished_at)

    def ended(self, row: WorkflowRun) -> bool:
        """Whether it has its end."""
        return row.state != WorkflowRun.State.RUNNING

    def page(self, row: WorkflowRun) -> Page:
        """The graph when it can be looked at, else one cell a node."""
        counts = graphs.counts(row)
        small = row.total <= DRAWN
        graph = graphs.graph(row, size=DRAWN if small else CELLS) if small else None
        nodes = list(graph.nodes) if graph else _some(row)
        total = sum(counts.values())
        ended = sum(counts.get(state, 0) for state in ("completed", "failed", "cancelled", "missed", "skipped"))
        return Page(
            run=row,
            state=words.badge(row.state),
            bar=bars.bar(counts, total=total, words=f"{100 * ended // total if total else 0} %"),
            pieces=bars.pieces(counts, total=total),
            drawing=_drawing(graph) if graph else None,
            cells=[] if graph else [(node.state, execution_url(node.pk), node.definition.name) for node in nodes],
            nodes=[line(node) for node in nodes[:LISTED]],
            facts=_facts(row),
            nodes_url=f"{reverse('admin:tasks_app_execution_changelist')}?workflow_id__exact={row.pk}",
        )

    @asking(CANCEL, label="Cancel", icon="cancel", needs="execute", look=DANGER)
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """End what has not ended."""
        run = WorkflowRun.objects.get(pk=object_id)
        reached = carry_out(request, lambda: control.cancel_workflow(run, by=person(request), reason=WHY))
        if reached is not None:
            messages.success(request, f"{reached} nodes cancelled or told to stop.")
        return go(request, reverse("admin:tasks_app_workflowrun_change", args=[object_id]))


def _some(run: WorkflowRun) -> list[Execution]:
    rows = Execution.objects.filter(workflow_id=run.pk, superseded=False).select_related("definition")
    return list(rows.order_by("pk")[:CELLS])


def _drawing(graph: graphs.Graph) -> graph_svg.Drawing:
    return graph_svg.draw([_node(node) for node in graph.nodes], [_arrow(link) for link in graph.links])


def _node(node: Execution) -> graph_svg.Node:
    note = words.between(node.started_at, node.finished_at) if node.started_at else ""
    return graph_svg.Node(node.pk, node.definition.name, node.state, note, execution_url(node.pk))


def _arrow(link: Link) -> graph_svg.Arrow:
    condition = f"{link.condition}: {link.expression}" if link.expression else link.condition
    delay = f", after {words.span(link.delay_ms / 1000)}" if link.delay_ms else ""
    return graph_svg.Arrow(link.upstream_id, link.downstream_id, link.state, f"on {condition}{delay}: {link.state}")


def _facts(run: WorkflowRun) -> list[tuple[str, Any]]:
    return [
        ("Nodes", f"{run.total:,}"),
        ("Owner", run.owner or words.NONE),
        ("Created", words.when(run.created_at)),
        ("Finished", words.when(run.finished_at)),
        ("Took", words.between(run.created_at, run.finished_at)),
    ]
