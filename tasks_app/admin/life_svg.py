"""The life of an execution as a branching diagram: the states it could take, those it took, the way it went.

Drawn on the server; called by the execution page. Reads nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks_app.admin import words
from tasks_app.queries.timeline import Visit

WIDTH, HEIGHT = 880, 262
BOX_WIDTH, BOX_HEIGHT = 156, 42
_COLUMNS = (
    (12, ("scheduled", "blocked", "retrying"), (34, 110, 186)),
    (244, ("pending",), (110,)),
    (476, ("running",), (110,)),
    (712, ("completed", "failed", "cancelled", "missed", "skipped"), (6, 58, 110, 162, 214)),
)
PLACES = {state: (x, y) for x, states, ys in _COLUMNS for state, y in zip(states, ys, strict=True)}
_USUAL = (
    ("scheduled", "pending"),
    ("blocked", "pending"),
    ("retrying", "pending"),
    ("pending", "running"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "retrying"),
)


@dataclass(frozen=True)
class Box:
    """One state."""

    state: str
    x: int
    y: int
    taken: bool
    here: bool
    note: str
    title: str


@dataclass(frozen=True)
class Life:
    """What the template draws."""

    boxes: list[Box]
    edges: list[tuple[str, bool, str]]
    width: int = WIDTH
    height: int = HEIGHT
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT


def draw(stays: Sequence[Visit], *, state: str) -> Life:
    """Boxes and ways for the stays of one execution that is now in `state`."""
    ways = {(before.state, after.state) for before, after in pairwise(stays)}
    edges = [(_path(a, b), (a, b) in ways, b) for a, b in sorted({*_USUAL, *ways}, key=lambda way: way in ways)]
    return Life([_box(name, stays, here=name == state) for name in PLACES], edges)


def _box(name: str, stays: Sequence[Visit], *, here: bool) -> Box:
    mine = [stay for stay in stays if stay.state == name]
    total = words.span(sum(stay.seconds for stay in mine)) if mine else ""
    note = f"{total}, {len(mine)} times" if len(mine) > 1 else total
    ended = here and mine and mine[-1].left_at is None and mine[-1].seconds == 0
    if ended:
        note = f"{mine[-1].entered_at:%H:%M:%S}"
    title = "; ".join(f"{words.exact(stay.entered_at)} for {words.span(stay.seconds)}" for stay in mine)
    x, y = PLACES[name]
    return Box(name, x, y, bool(mine), here, note, title or "never")


def _path(before: str, after: str) -> str:
    (x1, y1), (x2, y2) = PLACES[before], PLACES[after]
    middle = BOX_HEIGHT // 2
    if x2 > x1:
        start, end = x1 + BOX_WIDTH, x2
        bend = (end - start) // 2
        return f"M{start} {y1 + middle} C{start + bend} {y1 + middle} {end - bend} {y2 + middle} {end} {y2 + middle}"
    if x2 == x1:
        return f"M{x1 + BOX_WIDTH // 2} {y1 + BOX_HEIGHT} L{x2 + BOX_WIDTH // 2} {y2}"
    low = max(y1, y2) + BOX_HEIGHT + 12
    start, end = x1 + BOX_WIDTH // 2, x2 + BOX_WIDTH
    if y2 + BOX_HEIGHT < low - 12 or after == "pending":
        end = x2 + BOX_WIDTH // 2
        return f"M{start} {y1 + BOX_HEIGHT} C{start} {low + 20} {end} {low + 20} {end} {y2 + BOX_HEIGHT}"
    return f"M{start} {y1 + BOX_HEIGHT} C{start} {y2 + middle} {start - 60} {y2 + middle} {end} {y2 + middle}"
