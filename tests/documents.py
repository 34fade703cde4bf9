"""What README.md and docs/ show, read for tests: fenced blocks with the mark that says what they are.

A mark is an HTML comment on the line above a block, which readers do not see: `<!-- walkthrough -->`,
`<!-- file: ~/a.py -->`, `<!-- config: script -->`. A ```text block right behind a marked one is what it prints, with
an ellipsis for what differs from run to run.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"^<!-- (?P<mark>[^\n]+?) -->\n```(?P<language>\w+)\n(?P<text>.*?)\n```$(?:\n+```text\n(?P<shows>.*?)\n```$)?",
    re.DOTALL | re.MULTILINE,
)
_TABLE = r"<!-- {mark} -->\n(?P<rows>(?:\|[^\n]*\n)+)"


@dataclass(frozen=True)
class Block:
    """One marked block: `mark` before a colon is its kind, `about` what stands behind it."""

    page: Path
    kind: str
    about: str
    text: str
    shows: str | None

    @property
    def where(self) -> str:
        line = self.page.read_text().partition(self.text)[0].count("\n") + 1
        return f"{self.page.relative_to(ROOT)}:{line}"


def pages() -> list[Path]:
    """README first, then every page of docs/ and what else stands at the top."""
    return [README, *sorted(DOCS.rglob("*.md")), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]


def blocks(page: Path, kind: str = "") -> list[Block]:
    """The marked blocks of a page in their order; of one kind, or all."""
    found = []
    for match in _BLOCK.finditer(page.read_text()):
        name, _, about = match["mark"].partition(":")
        found.append(Block(page, name.strip(), about.strip(), match["text"], match["shows"]))
    return [block for block in found if not kind or block.kind == kind]


def table(page: Path, mark: str) -> list[list[str]]:
    """The cells of the marked table, row by row, without its head; code marks are taken off."""
    match = re.search(_TABLE.format(mark=re.escape(mark)), page.read_text())
    assert match, f"{page} has no table marked {mark!r}"
    rows = match["rows"].splitlines()[2:]
    return [[cell.strip().strip("`").replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def shown(expected: str, printed: str) -> bool:
    """Whether a block printed what the page shows; an ellipsis stands for anything on its line."""
    pattern = "\n".join(re.escape(line.rstrip()).replace("…", ".*") for line in expected.strip().splitlines())
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.strip().splitlines())) is not None
