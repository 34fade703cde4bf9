"""The drawings and words of the admin, without a database."""

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest

from tasks_app.admin import graph_places, graph_svg, hours_svg, life_svg, words
from tasks_app.domain.states import State
from tasks_app.models import Transition
from tasks_app.queries.hourly import Day
from tasks_app.queries.timeline import seconds_by_state, visits

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def _moves(*steps: tuple[str, float]) -> list[Transition]:
    return [Transition(new=state, at=AT + timedelta(seconds=after)) for state, after in steps]


def test_a_life_is_told_in_stays() -> None:
    moves = _moves(("pending", 0), ("running", 2), ("retrying", 5), ("pending", 15), ("running", 16), ("completed", 20))
    stays = visits(moves, now=AT + timedelta(days=1), final=True)
    assert [(stay.state, stay.seconds) for stay in stays] == [
        ("pending", 2),
        ("running", 3),
        ("retrying", 10),
        ("pending", 1),
        ("running", 4),
        ("completed", 0),
    ]
    assert seconds_by_state(stays) == {"pending": 3, "running": 7, "retrying": 10, "completed": 0}


def test_the_last_stay_of_an_open_life_goes_on_until_now() -> None:
    stays = visits(_moves(("pending", 0), ("running", 2)), now=AT + timedelta(seconds=9), final=False)
    assert stays[-1].left_at is None and stays[-1].seconds == 7
    assert visits([], now=AT, final=False) == []


def test_every_state_has_a_place_in_the_diagram_of_a_life() -> None:
    assert set(life_svg.PLACES) == {str(state) for state in State}


def test_the_way_taken_is_marked_and_the_others_are_not() -> None:
    stays = visits(_moves(("pending", 0), ("running", 2), ("failed", 5)), now=AT, final=True)
    life = life_svg.draw(stays, state="failed")
    assert {box.state for box in life.boxes if box.taken} == {"pending", "running", "failed"}
    assert [box.state for box in life.boxes if box.here] == ["failed"]
    assert sum(taken for _, taken, _ in life.edges) == 2


def test_an_unusual_way_is_drawn_too() -> None:
    usual = len(life_svg.draw([], state="pending").edges)
    stays = visits(_moves(("running", 0), ("pending", 2), ("missed", 5)), now=AT, final=True)
    assert len(life_svg.draw(stays, state="missed").edges) == usual + 2


@pytest.mark.parametrize("seed", range(8))
def test_no_two_boxes_of_a_graph_overlap_and_arrows_go_right(seed: int) -> None:
    dice = random.Random(seed)
    size = dice.randint(1, 30)
    pairs = itertools.combinations(range(size), 2)
    edges = [pair for pair in pairs if dice.random() < 0.15]
    places = graph_places.place(list(range(size)), edges)
    boxes = [places.at[node] for node in range(size)]
    for (x1, y1), (x2, y2) in itertools.combinations(boxes, 2):
        assert abs(x1 - x2) >= graph_places.BOX_WIDTH or abs(y1 - y2) >= graph_places.BOX_HEIGHT
    for x, y in boxes:
        assert 0 <= x <= places.width - graph_places.BOX_WIDTH and 0 <= y <= places.height - graph_places.BOX_HEIGHT
    for way, (start, end) in zip(places.ways, edges, strict=True):
        assert way[0][0] == places.at[start][0] + graph_places.BOX_WIDTH and way[-1][0] == places.at[end][0]
        assert all(before[0] < after[0] for before, after in itertools.pairwise(way))


@pytest.mark.parametrize("seed", range(8))
def test_a_long_arrow_passes_no_box(seed: int) -> None:
    dice = random.Random(seed)
    edges = [(0, 1), (1, 2), (2, 3), *((dice.randint(0, 1), 3 + n % 3) for n in range(3))]
    edges = list(dict.fromkeys((a, b) for a, b in [*edges, (3, 4), (4, 5)] if a < b))
    places = graph_places.place(list(range(6)), edges)
    for way, edge in zip(places.ways, edges, strict=True):
        for (x1, y1), (x2, _) in itertools.pairwise(way[1:-1]):
            for node, (x, y) in places.at.items():
                if isinstance(node, int) and x2 - x1 == graph_places.BOX_WIDTH and x1 == x:
                    assert not y <= y1 <= y + graph_places.BOX_HEIGHT, (edge, node)


def test_links_out_of_the_drawing_are_left_out() -> None:
    node = graph_svg.Node("a", "a task with a very long name indeed", "pending", "", "/a/")
    drawing = graph_svg.draw([node], [graph_svg.Arrow(None, "a", "open", "on success")])
    assert drawing.arrows == [] and drawing.boxes[0].name.endswith("…") and len(drawing.boxes[0].name) == 25
    assert graph_svg.draw([], []).boxes == []


def test_the_bars_of_a_day_stand_on_the_floor_and_below_the_top() -> None:
    hours = [(AT + timedelta(hours=n), {"completed": n * 7, "failed": n}) for n in range(24)]
    chart = hours_svg.draw(Day(hours, None))
    assert all(block.y >= 0 and block.y + block.height <= chart.floor + 1 for block in chart.blocks)
    assert [label for _, label in chart.lines] == ["0", "100", "200"]
    assert chart.states == ["completed", "failed"] and hours_svg.draw(Day([], None)).blocks == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0.25, "250 ms"),
        (3.21, "3.2 s"),
        (60, "1 min"),
        (250, "4 min 10 s"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations_are_said_in_the_units_that_matter(seconds: float | None, said: str) -> None:
    assert words.span(seconds) == said


@pytest.mark.parametrize(
    ("away", "said"), [(0, "just now"), (-5, "5 s ago"), (-200, "3 min ago"), (7200, "in 2 h"), (-90_000, "1 d ago")]
)
def test_moments_are_said_relative_to_now(away: float, said: str) -> None:
    assert f">{said}<" in words.when(AT + timedelta(seconds=away), now=AT)


def test_sizes_and_states_are_said_for_people() -> None:
    assert (words.size(None), words.size(2048), words.size(3 * 1024 * 1024)) == ("–", "2 MB", "3.0 GB")
    assert "&lt;b&gt;" in words.badge("<b>") and words.badge("handed_back").endswith("handed back</span>")
