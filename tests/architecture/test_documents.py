"""README and docs say what the code says: fields, variables, schedules, examples, links, and the tests they name."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from config.environment import Environment
from config.local import commands
from config.local.wishes import Wishes
from executors import registry
from tasks_app.api.v1 import wishes
from tasks_app.domain import schedules
from tasks_app.engine.contents import content_for
from tasks_app.engine.drafts import Draft
from tasks_app.engine.reading import read
from tests.documents import DOCS, README, ROOT, Block, blocks, pages, table

PAGES = pages()
EVERY_BLOCK = [block for page in PAGES for block in blocks(page)]
EXAMPLES = [block for block in EVERY_BLOCK if block.kind in ("config", "task", "body")]
# What a page says of a default that is not a value.
IN_WORDS = {"none", "required", "a fresh empty one", "by method", "output only", "standard with a secret"}


def ids(found: list[Block]) -> list[str]:
    return [block.where for block in found]


@pytest.mark.parametrize("block", EXAMPLES, ids=ids(EXAMPLES))
def test_an_example_is_taken_by_the_code_it_is_for(block: Block) -> None:
    given = json.loads(block.text)
    if block.kind == "config":
        assert registry.validate_config(block.about, given) == given
    elif block.kind == "task":
        draft = read(Draft, given)
        assert content_for(draft)["task_type"] == draft.task_type
        assert draft.schedule is None or schedules.parse(draft.schedule.text, timezone=draft.schedule.timezone)
    else:
        read(getattr(wishes, block.about), given)


def test_every_json_of_the_docs_says_what_it_is() -> None:
    unmarked = [
        str(page)
        for page in PAGES
        if len(re.findall(r"^```json$", page.read_text(), re.MULTILINE))
        != len([block for block in blocks(page) if block.kind in ("config", "task", "body", "answer")])
    ]
    assert unmarked == []


@pytest.mark.parametrize("task_type", sorted(registry.BUILT_IN))
def test_every_field_of_a_task_type_stands_in_its_table(task_type: str) -> None:
    told = {row[0]: row[1] for row in table(DOCS / "executors.md", f"fields: {task_type}")}
    model = registry.get(task_type).config_model
    assert set(told) == {info.alias or name for name, info in model.model_fields.items()}
    for name, info in model.model_fields.items():
        said = told[info.alias or name]
        assert (said == "required") is info.is_required(), name
        if said not in IN_WORDS:
            assert plain(said) == value_of(info), name


def value_of(info: Any) -> Any:
    found = info.default if info.default is not PydanticUndefined else info.default_factory()
    return found.model_dump(exclude_unset=True) if isinstance(found, BaseModel) else found


def plain(text: str) -> Any:
    """A default as a page writes it: JSON, or a bare word."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def variables(model: type[BaseSettings]) -> dict[str, str]:
    """Each variable with its default as the page writes it."""
    found = {}
    for name, info in model.model_fields.items():
        default = info.default
        number = f"{default:g}" if isinstance(default, float) else str(default)
        shown = ",".join(default) if isinstance(default, tuple) else number
        empty = default is None or default == {} or shown == ""
        variable = str(info.validation_alias or name).upper()
        found[variable] = "none" if empty else shown.lower() if isinstance(default, bool) else shown
    return found


def test_every_variable_stands_in_the_table_with_its_default() -> None:
    known = variables(Wishes) | variables(Environment)
    assert {row[0]: row[1] for row in table(DOCS / "operations.md", "environment")} == known


@pytest.mark.parametrize("row", table(DOCS / "schedules.md", "schedules"), ids=lambda row: row[0])
def test_a_schedule_means_what_its_row_says(row: list[str]) -> None:
    spec = schedules.parse(row[0])
    assert [spec.kind, schedules.describe(spec)] == row[1:]


@pytest.mark.parametrize("page", [README, DOCS / "operations.md"], ids=["README", "operations"])
def test_the_commands_of_a_fleet_are_told_as_they_are(page: Path) -> None:
    text = page.read_text()
    programs = [commands.WEB, commands.BEAT, commands.FLOWER, commands.PREPARE, commands.worker("worker-main")]
    assert [program.name for program in programs if " ".join(program.argv) not in text] == []


def test_every_test_that_a_promise_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (DOCS / "guarantees.md").read_text())
    assert len(named) > 30
    gone = [f"{file}::{name}" for file, name in named if name not in functions(ROOT / file)]
    assert gone == []


def functions(file: Path) -> set[str]:
    if not file.exists():
        return set()
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith("http") and not leads_somewhere(page, target):
            dead.append(target)
    assert dead == []


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return file.exists() and (not anchor or anchor in anchors(file))


def anchors(file: Path) -> set[str]:
    """The anchors that a page's headings get."""
    heads = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_page_of_the_docs_is_reached_from_the_index() -> None:
    index = (DOCS / "index.md").read_text()
    unreached = [page.name for page in DOCS.glob("*.md") if page.name != "index.md" and f"({page.name})" not in index]
    assert unreached == []
