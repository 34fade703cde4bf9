"""Durable executions per second: ours and its peer, side by side on the same servers, in turn.

The clock runs from the first enqueue until the store shows the last completion. Each run starts its side's worker
anew, warms it up and empties its tables; afterwards rows and lines must agree. Figures of one run of this program may
be compared with each other; machines and hours differ too much for anything else.
"""

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import Cpu, Processes, until
from bench.sides import SIDES, Side
from bench.stage import Stage, staged
from bench.table import keep, show

WARM_UP = 100
PATIENCE_SECONDS = 600.0


@dataclass(frozen=True)
class Wish:
    """What is to be measured."""

    count: int
    runs: int
    children: int
    sides: Sequence[str]
    folder: Path | None


def main(argv: Sequence[str]) -> None:
    wish = _wish(argv)
    with staged(wish.folder) as stage:
        _migrate(stage)
        measured = [_run(stage, wish, side) for _ in range(wish.runs) for side in wish.sides]
    keep("throughput", measured)
    _tell(wish, measured)


def _wish(argv: Sequence[str]) -> Wish:
    parser = argparse.ArgumentParser(prog="python -m bench throughput", description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="executions a run (5000)")
    parser.add_argument("--runs", type=int, default=3, help="runs a side (3)")
    parser.add_argument("--children", type=int, default=2, help="pool processes of the worker (2)")
    parser.add_argument("--sides", nargs="+", choices=list(SIDES), default=list(SIDES))
    parser.add_argument("--folder", type=Path, help="where the servers' data go for the time (a temporary folder)")
    return Wish(**vars(parser.parse_args(argv)))


def _migrate(stage: Stage) -> None:
    with Processes(stage.folder) as processes:
        process = processes.start("migrate", "config.local.prepare", env=stage.ours())
        if process.wait(300):
            raise SystemExit((stage.folder / "migrate.log").read_text()[-2000:])


def _run(stage: Stage, wish: Wish, name: str) -> Mapping[str, Any]:
    with Processes(stage.folder) as processes:
        side = SIDES[name](stage, processes, children=wish.children)
        side.clear()
        _finish(side, side.publish(WARM_UP), WARM_UP)
        side.clear()
        servers = {"postgres": [_pid(stage.postgres)], "broker": [_pid(stage.valkey)]}
        cpu = Cpu({**side.pids, **servers})
        figures = _finish(side, side.publish(wish.count), wish.count)
        spent = cpu.spent()
        _check(side, wish.count)
    others = spent.pop("others")
    per_run = {f"{group} ms": 1000 * seconds / wish.count for group, seconds in spent.items()}
    row = {"side": side.name, "count": wish.count, **figures, **per_run, "others cores": others}
    show(side.name, [row])
    return row


def _finish(side: Side, times: Mapping[str, float], count: int) -> Mapping[str, float]:
    until(lambda: side.done() >= count, seconds=PATIENCE_SECONDS, what=f"{side.name}: {count} completions", every=0.02)
    seconds = time.monotonic() - times["began"]
    return {
        "per second": count / seconds,
        "seconds": seconds,
        "enqueued/s": count / (times["ended"] - times["began"]),
    }


def _check(side: Side, count: int) -> None:
    lines = side.stage.lines.read_text().splitlines()
    ids = side.ids()
    if not len(ids) == len(lines) == count or ids != set(lines):
        raise SystemExit(f"{side.name}: {len(ids)} rows and {len(lines)} lines for {count} executions")


def _tell(wish: Wish, measured: Sequence[Mapping[str, Any]]) -> None:
    rates = {
        SIDES[side].name: [row["per second"] for row in measured if row["side"] == SIDES[side].name]
        for side in wish.sides
    }
    peer = statistics.median(rates.get(SIDES["peer"].name) or [float("nan")])
    show(
        f"{wish.count:,} no-ops, {wish.children} pool processes, {wish.runs} runs a side: executions per second",
        [
            {
                "side": side,
                "median": statistics.median(found),
                "least": min(found),
                "most": max(found),
                "to the peer": round(statistics.median(found) / peer, 2),
            }
            for side, found in rates.items()
        ],
    )


def _pid(server: Any) -> int:
    assert server.process is not None
    return int(server.process.pid)
