"""A workflow run as a graph: its nodes with their states, page by page, and the links that lead to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count

from tasks_app.models import Execution, Link, WorkflowRun

NODES = 500


@dataclass(frozen=True)
class Graph:
    """Some nodes and every link into them; `after` is where the next nodes begin, None at the end."""

    nodes: Sequence[Execution]
    links: Sequence[Link]
    after: UUID | None


def counts(run: WorkflowRun) -> dict[str, int]:
    """How many nodes are in each state; bounded by the run, read from its index."""
    rows = Execution.objects.filter(workflow_id=run.pk, superseded=False).order_by()
    return dict(rows.values_list("state").annotate(number=Count("*")))


def graph(run: WorkflowRun, *, after: UUID | None = None, size: int = NODES) -> Graph:
    """Nodes in the order of their ids, from behind `after`. Two statements."""
    rows = Execution.objects.filter(workflow_id=run.pk, superseded=False).select_related("definition")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    nodes = list(rows.order_by("pk")[: size + 1])
    more, nodes = len(nodes) > size, nodes[:size]
    links = Link.objects.filter(downstream_id__in=[node.pk for node in nodes]).order_by("id")
    return Graph(nodes, list(links), nodes[-1].pk if more else None)


def member_of(run: WorkflowRun, definition_id: UUID) -> Execution | None:
    """The execution of a definition in a run."""
    rows = Execution.objects.filter(workflow_id=run.pk, definition_id=definition_id, superseded=False)
    return rows.first()
