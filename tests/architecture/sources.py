"""The product's own sources, parsed once for all questions about them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# The product; `bench` measures it and is held to the same shape.
PACKAGES = ("bench", "config", "executors", "tasks_app", "templates_library")


@dataclass(frozen=True)
class Source:
    """One file. `path` is relative to the root."""

    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The second level: `tasks_app/engine`, `executors/general`, or the package for a file right in it."""
        parts = self.path.split("/")
        return "/".join(parts[: min(2, len(parts) - 1)])


@cache
def sources(*packages: str) -> tuple[Source, ...]:
    """The files of these packages, without migrations, which are written by Django and never edited after."""
    return tuple(
        Source(str(path.relative_to(ROOT)), path.read_text(), ast.parse(path.read_text()))
        for package in packages or PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    )


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, however deep."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text in the code with its line. What an f-string fills in shows as {}."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The full names of what is imported, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
