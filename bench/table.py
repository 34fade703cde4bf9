"""Figures for people and for later: a table on the screen, a line of JSON a run in `bench/results/`."""

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A Markdown table, aligned so that it also reads well in a terminal."""
    names = list(rows[0])
    cells = [names, *([_text(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    numeric = [all(isinstance(row[name], int | float | None) for row in rows) for name in names]
    print(f"\n{title}\n")
    for number, line in enumerate(cells):
        padded = [t.rjust(w) if n else t.ljust(w) for t, w, n in zip(line, widths, numeric, strict=True)]
        print("| " + " | ".join(padded) + " |")
        if number == 0:
            print(
                "|" + "|".join("-" * (w + 1) + (":" if n else "-") for w, n in zip(widths, numeric, strict=True)) + "|"
            )
    print(flush=True)


def keep(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append the rows to `bench/results/NAME.jsonl`."""
    RESULTS.mkdir(exist_ok=True)
    stamp = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version()}
    with (RESULTS / f"{name}.jsonl").open("a") as kept:
        kept.writelines(json.dumps({**stamp, **row}) + "\n" for row in rows)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
