"""Executors that tests run: ordinary ones, registered by TASK_EXECUTORS. No code of the product knows them."""

import os
import re
import time
from typing import ClassVar

from pydantic import Field

from executors.contract import Config, Context, Executor, Result
from executors.errors import PermanentFailure, TemporaryFailure


class AppendConfig(Config):
    """What an `append` run does."""

    path: str = Field("", description="file that gets START and END lines")
    seconds: float = 0
    fail: str = Field("", description="`temporary`, `permanent`, or empty")
    fail_attempts: int = Field(1000, description="how many attempts fail")
    wait_for: str = Field("", description="run until this file exists")
    value: float = 1


class Append(Executor[AppendConfig]):
    """Writes what it does to an O_APPEND file, one line a write."""

    task_type: ClassVar[str] = "append"
    title: ClassVar[str] = "Append"
    description: ClassVar[str] = "Appends its execution id to a file."
    category: ClassVar[str] = "tests"
    config_model = AppendConfig

    def run(self, context: Context[AppendConfig]) -> Result:
        config = context.config
        self._note(context, "START")
        if config.wait_for:
            while not os.path.exists(config.wait_for) and not context.should_stop():
                time.sleep(0.02)
        if config.seconds:
            time.sleep(config.seconds)
        if config.fail and context.attempt <= config.fail_attempts:
            raise (TemporaryFailure if config.fail == "temporary" else PermanentFailure)("asked to fail")
        self._note(context, "END")
        return Result("appended", data={"value": config.value, "inputs": sorted(context.inputs)}, items_processed=1)

    def _note(self, context: Context[AppendConfig], what: str) -> None:
        if context.config.path:
            handle = os.open(context.config.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            os.write(handle, f"{what} {context.execution_id} {context.attempt} {os.getpid()}\n".encode())
            os.close(handle)


class StubbornConfig(Config):
    """`regex` looks for signals now and then, `sum` never does."""

    how: str = "regex"


class Stubborn(Executor[StubbornConfig]):
    """Holds the interpreter lock for years; one that does `sum` is ended by SIGKILL only."""

    task_type: ClassVar[str] = "stubborn"
    title: ClassVar[str] = "Stubborn"
    description: ClassVar[str] = "Never returns."
    category: ClassVar[str] = "tests"
    config_model = StubbornConfig

    def run(self, context: Context[StubbornConfig]) -> Result:
        if context.config.how == "sum":
            sum(range(10**15))
        re.match("(a|aa)+$", "a" * 60 + "b")
        return Result("impossible")
