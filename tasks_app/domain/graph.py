"""Questions about a directed graph: is there a cycle, what hangs on what, in which order.

Called by authoring (refusing cycles) and by trigger (the closure of a workflow run). Nodes are anything hashable; an
edge is (upstream, downstream). Everything is iterative and linear in nodes and edges; definitions never come in.
"""

from collections.abc import Hashable, Iterable
from typing import Any, Literal, TypeVar

N = TypeVar("N", bound=Hashable)
Edge = tuple[N, N]
Direction = Literal["downstream", "upstream"]
_NONE_LEFT: Any = object()  # None may be a node


class CycleFound(ValueError):
    """The graph has no order; `path` starts and ends with the same node."""

    def __init__(self, path: list) -> None:
        super().__init__(" -> ".join(str(node) for node in path))
        self.path = path


def unknown(edges: Iterable[Edge[N]], nodes: Iterable[N]) -> list[N]:
    """The nodes that edges name but `nodes` lacks, each once, in order of appearance."""
    known = set(nodes)
    return list(dict.fromkeys(node for edge in edges for node in edge if node not in known))


def find_cycle(edges: Iterable[Edge[N]], nodes: Iterable[N] = ()) -> list[N] | None:
    """A path along edges that comes back to where it began (`[a, b, a]`; `[a, a]` for a node on itself), or None."""
    below = _below(edges, nodes)
    finished: set[N] = set()
    for start in below:
        if start not in finished:
            cycle = _cycle_from(start, below, finished)
            if cycle is not None:
                return cycle
    return None


def _cycle_from(start: N, below: dict[N, list[N]], finished: set[N]) -> list[N] | None:
    """Walk depth first from `start`; whatever is left for good goes into `finished`."""
    path = [start]
    place = {start: 0}
    ahead = [iter(below[start])]
    while path:
        following = next(ahead[-1], _NONE_LEFT)
        if following is _NONE_LEFT:
            finished.add(path[-1])
            del place[path.pop()]
            ahead.pop()
        elif following in place:
            return [*path[place[following] :], following]
        elif following not in finished:
            place[following] = len(path)
            path.append(following)
            ahead.append(iter(below[following]))
    return None


def closure(edges: Iterable[Edge[N]], roots: Iterable[N], direction: Direction = "downstream") -> set[N]:
    """The roots and everything reachable from them."""
    below = _below(((end, start) if direction == "upstream" else (start, end) for start, end in edges), ())
    reached = set(roots)
    waiting = list(reached)
    while waiting:
        for node in below.get(waiting.pop(), ()):
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return reached


def levels(edges: Iterable[Edge[N]], nodes: Iterable[N] = ()) -> list[list[N]]:
    """The nodes by the length of the longest path that leads to them; CycleFound if there is no such order."""
    edges = list(edges)
    below = _below(edges, nodes)
    waits_for = dict.fromkeys(below, 0)
    for _, end in edges:
        waits_for[end] += 1
    level = [node for node, count in waits_for.items() if count == 0]
    result: list[list[N]] = []
    while level:
        result.append(level)
        freed: list[N] = []
        for node in level:
            for following in below[node]:
                waits_for[following] -= 1
                if waits_for[following] == 0:
                    freed.append(following)
        level = freed
    if any(waits_for.values()):
        raise CycleFound(find_cycle(edges) or [])
    return result


def _below(edges: Iterable[Edge[N]], nodes: Iterable[N]) -> dict[N, list[N]]:
    below: dict[N, list[N]] = {node: [] for node in nodes}
    for start, end in edges:
        below.setdefault(start, []).append(end)
        below.setdefault(end, [])
    return below
