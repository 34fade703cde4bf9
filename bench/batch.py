"""A wide batch through the public API: `python -m bench batch [--members 10000 --parallel 50 --children 60]`.

Members sleep half a second. Every 200 ms the batch's progress is read: the states must sum to all members, the
completed ones never fall, at most `--parallel` run, by the rows and by the START and END lines of the work itself; and
for most of the time exactly that many do.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

from bench.fleet import Client, begin
from bench.processes import Processes, until
from bench.stage import Stage, staged
from bench.table import keep, show

EVERY_SECONDS = 0.2


def main(argv: Sequence[str]) -> None:
    """Run one batch; exits with 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench batch", description=__doc__)
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--parallel", type=int, default=50)
    parser.add_argument("--children", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.5)
    wish = parser.parse_args(argv)
    with staged() as stage, Processes(stage.folder) as processes:
        client = begin(stage, processes, children=wish.children)
        until(lambda: client.get("workers/")["results"][0]["concurrency"] == wish.children, seconds=60, what="the pool")
        row = _measure(stage, client, wish)
    show("one batch", [row])
    keep("batch", [row])
    if row["faults"]:
        raise SystemExit(1)


def _measure(stage: Stage, client: Client, wish: argparse.Namespace) -> dict[str, Any]:
    stage.forget_lines()
    config = {"path": str(stage.lines), "seconds": wish.seconds}
    task = client.post("tasks/", {"name": "nap", "task_type": "nap", "config": config})
    began = time.monotonic()
    batch = client.post("batches/", {"task_ids": [task["id"]] * wish.members, "max_parallel": wish.parallel})
    made = time.monotonic()
    samples = _watch(
        client, batch["batch_id"], wish.parallel, faulty=lambda counts: sum(counts.values()) != wish.members
    )
    took = time.monotonic() - made
    most, full, whole = _from_lines(stage, wish.parallel)
    faults = samples["faults"] + (most > wish.parallel) + (samples["running"] > wish.parallel) + (whole != wish.members)
    return {
        "members": wish.members,
        "max parallel": wish.parallel,
        "create s": round(made - began, 2),
        "run s": round(took, 1),
        "samples": samples["n"],
        "most running (rows)": samples["running"],
        "most running (lines)": most,
        "full % (rows)": round(100 * samples["full"] / samples["n"], 1),
        "full % (lines)": round(100 * full, 1),
        "faults": faults,
    }


def _watch(client: Client, batch_id: str, parallel: int, *, faulty: Any) -> dict[str, int]:
    """Samples until the end: how many, how many broke a promise, the most members seen running, how many saw all."""
    seen = {"n": 0, "faults": 0, "running": 0, "full": 0}
    completed = 0
    while True:
        story = client.get(f"batches/{batch_id}/")
        counts = story["progress"]["counts"]
        now = counts.get("completed", 0)
        seen["n"] += 1
        seen["faults"] += bool(faulty(counts)) + (now < completed)
        seen["running"] = max(seen["running"], counts.get("running", 0))
        seen["full"] += counts.get("running", 0) == parallel
        completed = now
        if story["state"] != "running":
            return seen
        time.sleep(EVERY_SECONDS)


def _from_lines(stage: Stage, parallel: int) -> tuple[int, float, int]:
    """From the work's own START and END lines: the most at once, the share of the time at `parallel`, the ENDs."""
    events = [(float(at), 1 if what == "START" else -1) for what, _, at in map(str.split, stage.lines.open())]
    events.sort()
    running, most, full, last = 0, 0, 0.0, events[0][0]
    for at, change in events:
        full += (at - last) * (running >= parallel)
        running, last = running + change, at
        most = max(most, running)
    return most, full / (events[-1][0] - events[0][0]), sum(change < 0 for _, change in events)
