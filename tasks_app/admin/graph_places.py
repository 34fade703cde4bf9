"""Where the nodes of a graph stand in a drawing and which way its edges take: columns by level, long edges through
lanes of their own between the boxes, rows ordered so that few edges cross. Pure.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks_app.domain.graph import CycleFound, levels

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN, LANE = 190, 46, 74, 16, 12, 10
SWEEPS = 6
Way = list[tuple[int, int]]


@dataclass(frozen=True)
class Lane:
    """The place an edge takes in a column it only passes."""

    edge: int
    column: int


@dataclass(frozen=True)
class Places:
    """The upper left corner of each node, the points of each edge, the size of the whole."""

    at: dict[Hashable, tuple[int, int]]
    ways: list[Way]
    width: int
    height: int


def place(nodes: Sequence[Hashable], edges: Sequence[tuple[Hashable, Hashable]]) -> Places:
    """Places for all nodes and ways for all edges, in their order."""
    columns = _columns(nodes, edges)
    column_of = {key: number for number, column in enumerate(columns) for key in column}
    steps = [_steps(number, edge, column_of) for number, edge in enumerate(edges)]
    for lane in (step for way in steps for step in way if isinstance(step, Lane)):
        columns[lane.column].append(lane)
    _untangle(columns, steps)
    heights = [_height(column) for column in columns]
    tallest = max(heights, default=0)
    at: dict[Hashable, tuple[int, int]] = {}
    for number, column in enumerate(columns):
        y = MARGIN + (tallest - heights[number]) // 2
        for key in column:
            at[key] = (MARGIN + number * (BOX_WIDTH + GAP_X), y)
            y += _size(key) + GAP_Y
    width = 2 * MARGIN + max(1, len(columns)) * (BOX_WIDTH + GAP_X) - GAP_X
    return Places(at, [_way(way, at) for way in steps], width, 2 * MARGIN + max(tallest, BOX_HEIGHT))


def _columns(nodes: Sequence[Hashable], edges: Sequence[tuple[Hashable, Hashable]]) -> list[list[Hashable]]:
    try:
        return levels(edges, nodes)
    except CycleFound:
        return [list(nodes)]


def _steps(number: int, edge: tuple[Hashable, Hashable], column_of: dict[Hashable, int]) -> list[Hashable]:
    start, end = edge
    return [start, *(Lane(number, column) for column in range(column_of[start] + 1, column_of[end])), end]


def _untangle(columns: list[list[Hashable]], steps: Iterable[Sequence[Hashable]]) -> None:
    """Sort each column by where its neighbours stand, forwards and backwards a few times."""
    near: dict[Hashable, list[Hashable]] = {}
    for way in steps:
        for one, other in pairwise(way):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            rows = {key: row / len(all_) for all_ in columns for row, key in enumerate(all_)}
            column.sort(key=lambda key, rows=rows: _mean([rows[other] for other in near.get(key, ())], rows[key]))  # type: ignore[misc]


def _mean(values: list[float], fallback: float) -> float:
    return sum(values) / len(values) if values else fallback


def _size(key: Hashable) -> int:
    return LANE if isinstance(key, Lane) else BOX_HEIGHT


def _height(column: Sequence[Hashable]) -> int:
    return sum(_size(key) + GAP_Y for key in column) - GAP_Y


def _way(steps: Sequence[Hashable], at: dict[Hashable, tuple[int, int]]) -> Way:
    """From the right of the first box, level through each lane, to the left of the last box."""
    first, *lanes, last = steps
    points: Way = [(at[first][0] + BOX_WIDTH, at[first][1] + BOX_HEIGHT // 2)]
    for lane in lanes:
        x, y = at[lane][0], at[lane][1] + LANE // 2
        points += [(x, y), (x + BOX_WIDTH, y)]
    return [*points, (at[last][0], at[last][1] + BOX_HEIGHT // 2)]
