"""A workflow run as a drawing: a column a level, a box a node in the colour of its state, an arrow a link.

Drawn on the server; called by the page of workflow runs. Where things stand is `graph_places`' matter.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from tasks_app.admin.graph_places import BOX_HEIGHT, BOX_WIDTH, Way, place

NAME_LETTERS = 25


@dataclass(frozen=True)
class Node:
    """What is known of a node before it has a place."""

    key: Hashable
    name: str
    state: str
    note: str
    url: str


@dataclass(frozen=True)
class Arrow:
    """What is known of a link before it has a way."""

    upstream: Hashable
    downstream: Hashable
    state: str
    words: str


@dataclass(frozen=True)
class Box:
    """A node with its place."""

    x: int
    y: int
    name: str
    title: str
    state: str
    note: str
    url: str


@dataclass(frozen=True)
class Drawing:
    """What the template draws."""

    boxes: list[Box]
    arrows: list[tuple[str, str, str]]
    width: int
    height: int
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT


def draw(nodes: Sequence[Node], arrows: Sequence[Arrow]) -> Drawing:
    """Boxes and arrows. Links that lead out of the drawing are left out."""
    known = {node.key for node in nodes}
    inside = [arrow for arrow in arrows if arrow.upstream in known and arrow.downstream in known]
    places = place([node.key for node in nodes], [(arrow.upstream, arrow.downstream) for arrow in inside])
    boxes = [_box(node, places.at[node.key]) for node in nodes]
    ways = [(_curve(way), arrow.state, arrow.words) for way, arrow in zip(places.ways, inside, strict=True)]
    return Drawing(boxes, ways, places.width, places.height)


def _box(node: Node, at: tuple[int, int]) -> Box:
    short = node.name if len(node.name) <= NAME_LETTERS else f"{node.name[: NAME_LETTERS - 1]}…"
    return Box(*at, short, f"{node.name}: {node.state}", node.state, node.note, node.url)


def _curve(way: Way) -> str:
    """One smooth line through the points of a way; level where it passes a column."""
    (x, y), *rest = way
    path = f"M{x} {y}"
    for next_x, next_y in rest:
        bend = (next_x - x) // 2
        path += f" C{x + bend} {y} {next_x - bend} {next_y} {next_x} {next_y}"
        x, y = next_x, next_y
    return path
