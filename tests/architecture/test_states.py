"""The state machine: the table people read is the table the code obeys, and one file alone writes a state."""

import ast
import re

import pytest

from tasks_app.domain.states import FINAL, MOVES, State
from tests.architecture.sources import Source, sources, strings

GATE = "tasks_app/engine/moves.py"
# A state of these is another thing.
OTHER_MODELS = {"Batch", "Link", "WorkflowRun"}
TABLE = """
| –         | scheduled · pending · blocked           | user · beat · cascade · batch  |
| –         | missed                                  | beat                           |
| blocked   | scheduled · pending · skipped           | cascade · user · sweeper       |
| scheduled | pending                                 | dispatcher                     |
| retrying  | pending                                 | dispatcher                     |
| pending   | running                                 | worker                         |
| pending   | failed                                  | worker                         |
| running   | completed · retrying · failed           | worker · keeper · sweeper      |
| running   | cancelled · pending                     | worker · keeper · sweeper      |
| blocked   | cancelled                               | user · batch                   |
| scheduled | cancelled                               | user · batch                   |
| pending   | cancelled                               | user · batch                   |
| retrying  | cancelled                               | user · batch                   |
| scheduled | missed                                  | sweeper                        |
| pending   | missed                                  | sweeper                        |
"""


def words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split("·")]


def table() -> set[tuple[str | None, str, str]]:
    rows = (line.strip("|").split("|") for line in TABLE.strip().splitlines())
    return {
        (None if source.strip() == "–" else source.strip(), target, actor)
        for source, targets, actors in rows
        for target in words(targets)
        for actor in words(actors)
    }


def test_the_moves_are_those_of_the_table_and_no_others() -> None:
    assert {(m.source and str(m.source), str(m.target), str(a)) for m in MOVES for a in m.actors} == table()


def test_nothing_leaves_a_final_state_and_every_other_one_can_be_left() -> None:
    left = {move.source for move in MOVES} - {None}
    assert left == set(State) - FINAL
    assert {move.target for move in MOVES} == set(State)


def writes_in_sql(text: str) -> bool:
    """Whether a statement sets an execution's state, or makes an execution."""
    for found in re.finditer(r"UPDATE\s+fleet_execution\b.*?\bSET\b(.*)", text, re.DOTALL | re.IGNORECASE):
        assigned = re.split(r"\b(?:WHERE|FROM|RETURNING)\b", found.group(1), maxsplit=1)[0]
        if re.search(r"(?<![\w.])state\s*=", assigned):
            return True
    return bool(re.search(r"INSERT\s+INTO\s+fleet_execution\b", text, re.IGNORECASE))


def root_name(node: ast.expr) -> str:
    """`Execution` of `Execution.objects.filter(…)`."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return ""
    return node.id


def writes_by_orm(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name, model = node.func.attr, root_name(node.func)
        sets = any(keyword.arg == "state" for keyword in node.keywords)
        makes = {"create", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
        return (name == "update" and sets and model not in OTHER_MODELS) or (name in makes and model == "Execution")
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return any(isinstance(target, ast.Attribute) and target.attr == "state" for target in targets)


def writers(source: Source) -> list[str]:
    found = [line for line, text in strings(source.tree) if writes_in_sql(text)]
    found += [node.lineno for node in ast.walk(source.tree) if writes_by_orm(node)]  # type: ignore[attr-defined]
    return [f"{source.path}:{line}" for line in found]


def test_one_file_alone_writes_an_executions_state() -> None:
    found = [place for source in sources("config", "executors", "tasks_app") for place in writers(source)]
    assert [place for place in found if not place.startswith(GATE)] == []
    assert len(found) >= 4, "the gate's own statements are not recognised any more"


@pytest.mark.parametrize(
    "code",
    [
        'execute("UPDATE fleet_execution SET held = true, state = %s WHERE id = %s")',
        'execute(f"UPDATE fleet_execution e SET state={wanted} FROM x WHERE e.id = x.id")',
        'execute("INSERT INTO fleet_execution (id) VALUES (1)")',
        'Execution.objects.filter(pk=1).update(state="failed")',
        'waiting.update(state="failed")',
        'execution.state = "failed"',
        "Execution.objects.bulk_create(rows)",
    ],
)
def test_a_second_writer_would_be_found(code: str) -> None:
    assert writers(Source("somewhere.py", code, ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "execute(\"UPDATE fleet_execution SET held = true WHERE state = 'pending'\")",
        "execute(\"UPDATE fleet_execution e SET held = false FROM l WHERE l.state = 'x' RETURNING e.state = 'y'\")",
        'WorkflowRun.objects.filter(pk=1).update(state="running")',
        'found = rows.filter(state="failed")',
    ],
)
def test_what_reads_a_state_or_writes_another_is_let_be(code: str) -> None:
    assert not writers(Source("somewhere.py", code, ast.parse(code)))
