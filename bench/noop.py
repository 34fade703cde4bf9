"""The work that is measured: next to nothing, and a nap. Both leave lines in a file that only grows.

A line is one write to a file opened with O_APPEND, so that lines of many processes never mix; counted against the
rows, they show that each execution ran once. Loaded by the workers through TASK_EXECUTORS. Nothing is measured here.
"""

import os
import time
from typing import ClassVar

from pydantic import Field

from executors.contract import Config, Context, Executor, Result

EXECUTORS = "bench.noop:Noop,bench.noop:Nap"


class NoopConfig(Config):
    """Where the line goes."""

    path: str = Field(description="file that gets one line a run")


class Noop(Executor[NoopConfig]):
    """Appends its execution's id to a file."""

    task_type: ClassVar[str] = "noop"
    title: ClassVar[str] = "No-op"
    description: ClassVar[str] = "Appends the execution's id to a file."
    category: ClassVar[str] = "bench"
    config_model = NoopConfig

    def run(self, context: Context[NoopConfig]) -> Result:
        append(context.config.path, context.execution_id)
        return Result("appended")


class NapConfig(NoopConfig):
    """Where the lines go and how long to sleep."""

    seconds: float = Field(0.5, ge=0)


class Nap(Executor[NapConfig]):
    """Sleeps between a START and an END line."""

    task_type: ClassVar[str] = "nap"
    title: ClassVar[str] = "Nap"
    description: ClassVar[str] = "Sleeps, and writes when it began and when it ended."
    category: ClassVar[str] = "bench"
    config_model = NapConfig

    def run(self, context: Context[NapConfig]) -> Result:
        append(context.config.path, f"START {context.execution_id} {time.monotonic()}")
        time.sleep(context.config.seconds)
        append(context.config.path, f"END {context.execution_id} {time.monotonic()}")
        return Result("slept")


def append(path: str, line: str) -> None:
    """One write, whole or not at all."""
    handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)
