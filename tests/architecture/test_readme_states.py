"""The tables of states that people read are the moves that the code makes."""

from pathlib import Path

import pytest

from tasks_app.domain.states import FINAL, MOVES, State
from tests.documents import DOCS, README, table

PAGES = (README, DOCS / "states.md")
Triple = tuple[str, str, str]


def told(page: Path) -> list[Triple]:
    """(from, to, who) of every row, taken apart; a dash is the creation of an execution."""
    rows = [[cell.split(", ") for cell in row[:3]] for row in table(page, "states")]
    return [
        (before, after, who)
        for sources, targets, actors in rows
        for before in sources
        for after in targets
        for who in actors
    ]


def made() -> list[Triple]:
    return [(move.source or "–", move.target, actor) for move in MOVES for actor in move.actors]


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_the_table_of_states_is_the_codes(page: Path) -> None:
    assert sorted(told(page)) == sorted(made())


def test_every_state_is_explained_and_only_final_ones_are_never_left() -> None:
    text = (DOCS / "states.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `") and line.endswith(" |")]
    explained = {row[0].strip("| `"): row for row in rows if row[0].strip("| `") in set(State)}
    assert set(explained) == set(State)
    assert {State(name) for name, row in explained.items() if row[-1].strip(" |") == "never"} == FINAL
