"""Workflows of others, run through the public API: `python -m bench dags FOLDER [--only NAME]`, or TASKFLEET_DAGS.

Each file is one workflow, {"name", "tasks": [{"id", "parents"}]}. It is loaded as definitions with dependencies,
started as one workflow run, and judged from the rows and from the lines that the work left: every node once, none
before its parents. The work of a node is next to nothing: what is measured is the engine.
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.fleet import Client, begin
from bench.processes import Processes, until
from bench.stage import Stage, staged
from bench.table import keep, show

_ROWS = """
SELECT d.name, e.id::text, e.state, e.attempts, e.created_at, e.finished_at,
    (SELECT min(a.started_at) FROM fleet_attempt a WHERE a.execution_id = e.id)
FROM fleet_execution e JOIN fleet_definition d ON d.id = e.definition_id WHERE e.workflow_id = %s
"""


def main(argv: Sequence[str]) -> None:
    """Run them all, smallest first; exits with 1 when one of them is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m bench dags", description=__doc__)
    known = os.environ.get("TASKFLEET_DAGS")
    parser.add_argument("folder", type=Path, nargs="?", default=known and Path(known), help="or TASKFLEET_DAGS")
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--children", type=int, default=2)
    wish = parser.parse_args(argv)
    if wish.folder is None:
        parser.error("name the folder of the workflows, or set TASKFLEET_DAGS")
    files = [p for p in wish.folder.glob("*.json") if wish.only in p.stem and p.stem != "facts"]
    workflows = sorted((json.loads(p.read_text()) for p in files), key=lambda w: len(w["tasks"]))
    rows = []
    with staged() as stage, Processes(stage.folder) as processes:
        client = begin(stage, processes, children=wish.children)
        for workflow in workflows:
            rows.append(_measure(stage, client, workflow))
            show("workflows", rows[-1:])
    show("workflow runs", rows)
    keep("dags", rows)
    if any(row["faults"] for row in rows):
        raise SystemExit(1)


def _measure(stage: Stage, client: Client, workflow: dict[str, Any]) -> dict[str, Any]:
    stage.forget_lines()
    tasks = workflow["tasks"]
    names = {task["id"]: f"{workflow['name']} {task['id']}" for task in tasks}
    began = time.monotonic()
    ids = _load(client, tasks, names, lines=str(stage.lines))
    loaded = time.monotonic()
    run = client.post("workflows/", {"task_ids": ids, "name": workflow["name"]})
    ended = until(lambda: _ended(client, run["workflow_id"]), seconds=1800, what=f"{workflow['name']} ends", every=1.0)
    took = time.monotonic() - loaded
    return {
        "workflow": workflow["name"],
        "tasks": len(tasks),
        "edges": sum(len(task["parents"]) for task in tasks),
        "load s": round(loaded - began, 2),
        "run s": round(took, 2),
        "executions/s": round(len(tasks) / took, 1),
        "state": ended,
        "faults": _faults(stage, run["workflow_id"], tasks, names),
    }


def _load(client: Client, tasks: Sequence[dict[str, Any]], names: dict[str, str], *, lines: str) -> list[str]:
    """Definitions with dependencies, all or none a request; the ids come in the tasks' order."""
    drafts = [
        {
            "name": names[task["id"]],
            "task_type": "noop",
            "config": {"path": lines},
            "dependencies": [names[parent] for parent in task["parents"]],
            "trigger_on_dependencies": False,
        }
        for task in tasks
    ]
    return [made["id"] for made in client.post("tasks/bulk/", {"tasks": drafts})["results"]]


def _ended(client: Client, run_id: str) -> str | None:
    state = client.get(f"workflows/{run_id}/")["state"]
    return None if state == "running" else str(state)


def _faults(stage: Stage, run_id: str, tasks: Sequence[dict[str, Any]], names: dict[str, str]) -> int:
    """Nodes that did not complete in one attempt and one line, and edges whose child began before its parent ended."""
    with stage.connect() as connection:
        found = {row[0]: row for row in connection.execute(_ROWS, [run_id]).fetchall()}
    lines = Counter(stage.lines.read_text().split())
    faults = len(tasks) - len(found) + sum(count != 1 for count in lines.values())
    for task in tasks:
        _, execution, state, attempts, _, _, started = found[names[task["id"]]]
        faults += state != "completed" or attempts != 1 or lines[execution] != 1
        faults += sum(found[names[parent]][5] > started for parent in task["parents"])
    return faults
