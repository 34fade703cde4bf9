"""The shape of the code: small files and functions with a say about themselves, and names that say what is inside."""

import ast
import re
from pathlib import PurePath

from tests.architecture.sources import functions, sources

FILE_LINES = 300
BODY_LINES = 30
# Names under which anything could stand, and soon does.
EMPTY_NAMES = {
    "base", "common", "core", "helper", "helpers", "lib", "manager", "managers", "misc", "service", "services",
    "shared", "stuff", "util", "utils",
}  # fmt: skip
OPENS = re.compile(r"\bOpens (a transaction|transactions)\b")
REQUIRES = re.compile(r"\bRequires a transaction\b")


def test_every_module_says_what_lives_in_it() -> None:
    silent = [s.path for s in sources(*_all()) if s.text.strip() and not ast.get_docstring(s.tree)]
    assert silent == []


def test_no_file_has_more_lines_than_the_wall() -> None:
    long = {s.path: lines for s in sources() if (lines := len(s.text.splitlines())) > FILE_LINES}
    assert long == {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Without signature and docstring: a verb is not long because its arguments have names."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_function_is_longer_than_the_wall() -> None:
    found = ((s, f, body_lines(f)) for s in sources() for f in functions(s.tree))
    assert {f"{s.path} {f.name}": lines for s, f, lines in found if lines > BODY_LINES} == {}


def test_no_module_has_a_name_under_which_anything_could_stand() -> None:
    named = [s.path for s in sources(*_all()) if EMPTY_NAMES & set(PurePath(s.path).with_suffix("").parts)]
    assert named == []


def verbs() -> dict[str, ast.FunctionDef]:
    """The public functions of the engine, as they are called from other modules: `moves.move`."""
    return {
        f"{PurePath(s.path).stem}.{f.name}": f
        for s in sources("tasks_app")
        if s.room == "tasks_app/engine"
        for f in s.tree.body
        if isinstance(f, ast.FunctionDef) and not f.name.startswith("_")
    }


def calls(function: ast.FunctionDef) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}


def test_a_verb_that_opens_a_transaction_says_so() -> None:
    opening = {name: f for name, f in verbs().items() if "transaction.atomic" in calls(f)}
    assert len(opening) > 20
    assert [name for name, f in opening.items() if not OPENS.search(ast.get_docstring(f) or "")] == []


def test_a_verb_that_calls_one_which_requires_a_transaction_opens_one_or_requires_it_too() -> None:
    known = verbs()
    requiring = {name for name, f in known.items() if REQUIRES.search(ast.get_docstring(f) or "")}
    assert len(requiring) > 20
    needing = {name: f for name, f in known.items() if calls(f) & requiring}
    silent = [
        name
        for name, f in needing.items()
        if not (OPENS.search(ast.get_docstring(f) or "") or REQUIRES.search(ast.get_docstring(f) or ""))
    ]
    assert silent == []


def _all() -> tuple[str, ...]:
    return ("bench", "config", "executors", "tasks_app", "templates_library", "tests")


def test_the_package_and_the_project_have_one_version():
    import tomllib
    from pathlib import Path

    from tasks_app import __version__

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == __version__
