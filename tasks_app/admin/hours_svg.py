"""The chart of a day: one stacked bar an hour, drawn on the server so that it needs no script and follows the theme.

Called by the dashboard. Reads nothing: it is handed the numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from tasks_app.queries.hourly import Day

STACK = (
    "completed",
    "running",
    "retrying",
    "pending",
    "scheduled",
    "blocked",
    "skipped",
    "cancelled",
    "missed",
    "failed",
)
WIDTH, HEIGHT = 960, 200
LEFT, BOTTOM, TOP = 44, 24, 8


@dataclass(frozen=True)
class Block:
    """One coloured piece of a bar."""

    state: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    """What the template draws."""

    blocks: list[Block]
    hours: list[tuple[float, str]]
    lines: list[tuple[float, str]]
    states: list[str]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM


def draw(day: Day) -> Chart:
    """The blocks of all hours, the axis labels and the states that occur."""
    top = _ceiling(max((sum(counts.values()) for _, counts in day.hours), default=0))
    step = (WIDTH - LEFT) / max(1, len(day.hours))
    blocks = [
        block
        for place, (hour, counts) in enumerate(day.hours)
        for block in _bar(hour, counts, x=LEFT + place * step, width=step, top=top)
    ]
    labels = [(LEFT + (n + 0.5) * step, f"{hour:%H:00}") for n, (hour, _) in enumerate(day.hours) if hour.hour % 3 == 0]
    lines = [(_y(value, top), f"{value:,.0f}") for value in (0, top / 2, top)]
    seen = {state for _, counts in day.hours for state in counts}
    return Chart(blocks, labels, lines, [state for state in STACK if state in seen])


def _bar(hour: datetime, counts: Mapping[str, int], *, x: float, width: float, top: float) -> Iterator[Block]:
    reached = 0
    for state in STACK:
        number = counts.get(state, 0)
        if number:
            upper, lower = _y(reached + number, top), _y(reached, top)
            title = f"{hour:%a %H:00} UTC: {number:,} {state}"
            yield Block(
                state,
                round(x + width * 0.15, 1),
                upper,
                round(width * 0.7, 1),
                round(max(1.0, lower - upper), 1),
                title,
            )
            reached += number


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP), 1)


def _ceiling(most: int) -> float:
    """The next round number above, so that the axis reads 0, 50, 100."""
    size = 1
    while size * 10 <= most:
        size *= 10
    return next(float(size * step) for step in (2, 4, 6, 8, 10) if size * step >= most) if most else 2.0
