"""The config of `script`: a program, its arguments and its limits. Refuses shell syntax and says what to write instead.

Read by the API's forms and by `script`. What the operator allows is decided there, not here.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from executors.contract import Config
from executors.secrets import TextOrSecret
from executors.templating import Template, check

_REDIRECTS = frozenset({">", ">>", "1>", "1>>", "&>", "2>", "2>>", "2>&1", "<", "<<", "<<<"})
_JOINTS = frozenset({"|", "||", "&&", "&", ";"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# Variables that make another program of the one that was allowed.
_LOADERS = re.compile(
    r"LD_.*|DYLD_.*|PYTHON(?:PATH|HOME|STARTUP|INSPECT|BREAKPOINT)|NODE_OPTIONS|NODE_PATH|GIT_.*|BASH_ENV|ENV|IFS|SHELLOPTS"
    r"|BASHOPTS|PERL5(?:LIB|OPT|DB)|PERLLIB|RUBY(?:LIB|OPT)|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|GCONV_PATH|GLIBC_TUNABLES"
)


def _no_shell_syntax(args: list[str]) -> list[str]:
    for at, token in enumerate(args):
        if token in _REDIRECTS:
            raise ValueError(_redirect_remedy(token, args[at + 1] if at + 1 < len(args) else ""))
        if token in _JOINTS:
            raise ValueError(
                f"args[{at}] is {token!r}, which only a shell understands, and there is none. Make each program a task "
                "of its own with a dependency, or put the line into a script file and run that."
            )
    return args


def _redirect_remedy(token: str, target: str) -> str:
    said = f"args holds {token!r}, which only a shell understands, and there is none."
    if token.startswith("<"):
        return f"{said} Put the input into stdin."
    if token.startswith("2") or token == "&>":
        return f"{said} Remove it: stderr is kept with the execution anyway."
    return f'{said} Remove it and {target!r}, and set stdoutFile to "{target or "a file"}".'


def _safe_names(env: dict[str, Any]) -> dict[str, Any]:
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is no variable name: letters, digits and _ only.")
        if _LOADERS.fullmatch(name):
            raise ValueError(f"{name} changes which program really runs and may not be set. Remove it.")
        check(value)
    return env


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("A NUL character cannot be handed to a program.")
    return text


Argument = Annotated[Template, AfterValidator(_no_nul)]


class Limits(Config):
    """What the program may use; an operator's own limit still holds if it is lower."""

    cpu_seconds: int | None = Field(None, ge=1, description="Processor seconds.")
    memory_mb: int | None = Field(None, ge=16, description="Megabytes of memory a process may allocate.")
    file_mb: int | None = Field(None, ge=1, description="Megabytes a file it writes may grow to.")
    processes: int | None = Field(None, ge=1, description="Processes of the worker's user; without effect for root.")
    open_files: int | None = Field(None, ge=16, description="Files a process may hold open.")
    output_kb: int = Field(64, ge=1, le=1024, description="Kilobytes kept of stdout and of stderr: head and tail.")


class ScriptConfig(Config):
    """A program to run, without a shell."""

    command: Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_no_nul)] = Field(
        description="Name or path of the program.", examples=["node"]
    )
    args: Annotated[list[Argument], AfterValidator(_no_shell_syntax)] = Field(
        default_factory=list,
        description="Arguments, one by one; may hold {{ placeholders }}.",
        examples=[["scripts/cleanup.js"]],
    )
    cwd: str | None = Field(None, description="Directory to run in. Default: a fresh empty one.", examples=["/app"])
    env: Annotated[dict[str, TextOrSecret], AfterValidator(_safe_names)] = Field(
        default_factory=dict, description="Variables; a value may be a secret.", examples=[{"NODE_ENV": "production"}]
    )
    stdin: Template | None = Field(None, description="Text given to the program as its input.")
    stdout_file: str | None = Field(
        None, min_length=1, description="File that stdout goes to; replaced only when the program succeeds."
    )
    expect_exit_codes: list[Annotated[int, Field(ge=0, le=255)]] = Field(
        default_factory=lambda: [0], min_length=1, description="Exit codes that mean success."
    )
    retry_exit_codes: list[Annotated[int, Field(ge=1, le=255)]] = Field(
        default_factory=lambda: [75], description="Exit codes that mean: try again later."
    )
    idempotent: bool = Field(True, description="Whether it may be run again after it was cut off in the middle.")
    limits: Limits = Field(Limits(), description="Limits on what the program may use.")
