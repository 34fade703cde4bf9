"""The built-in templates: one TOML file a family, read and checked here.

Called by `manage.py sync_templates`. A template is a task not yet adopted: `content` holds fields of a task as the API
takes them, `required` the config that whoever adopts it must give. Nothing is written to a database here.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIELDS = frozenset({"slug", "name", "description", "task_type", "content", "required", "version"})
NEEDED = frozenset({"slug", "name", "description", "task_type"})


class CatalogueError(Exception):
    """A family file says something that is no template."""


def built_in(folder: Path = HERE) -> list[dict[str, Any]]:
    """Every template of every family, in the order of their slugs, as the columns of the table."""
    entries = [entry for family in sorted(folder.glob("*.toml")) for entry in _family(family)]
    slugs = [entry["slug"] for entry in entries]
    twice = {slug for slug in slugs if slugs.count(slug) > 1}
    if twice:
        raise CatalogueError(f"These slugs are used more than once: {', '.join(sorted(twice))}.")
    return sorted(entries, key=lambda entry: str(entry["slug"]))


def _family(file: Path) -> Iterator[dict[str, Any]]:
    """The templates of one file; `category` stands once at its top."""
    family = tomllib.loads(file.read_text(encoding="utf-8"))
    for raw in family.get("template", []):
        yield _entry(raw, category=str(family.get("category", "")), where=file.name)


def _entry(raw: Mapping[str, Any], *, category: str, where: str) -> dict[str, Any]:
    unknown, missing = set(raw) - FIELDS, NEEDED - set(raw)
    if unknown or missing or not category:
        wrong = sorted([*(f"unknown {name}" for name in unknown), *(f"missing {name}" for name in missing)])
        raise CatalogueError(f"{where}, {raw.get('slug', '?')}: {', '.join(wrong) or 'missing category at the top'}.")
    return {"content": {}, "required": [], "version": 1, **raw, "category": category}
