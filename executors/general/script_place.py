"""Where a script runs and what it sees: its program's file, its directory, its variables, the file its output goes to.

Used by `script` alone. Every question here is answered from the operator's settings; nothing is started.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from executors.contract import Context
from executors.errors import PermanentFailure
from executors.general.script_config import ScriptConfig

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SEEN = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "USER", "LOGNAME", "TMPDIR")


@dataclass(frozen=True)
class Place:
    """The surroundings of one run. Output to a file is written beside it first."""

    cwd: str
    env: dict[str, str]
    output: IO[bytes] | None = None
    output_path: str | None = None
    part_path: str = ""

    def written(self) -> int:
        return 0 if self.output is None else os.fstat(self.output.fileno()).st_size

    def keep_output(self) -> None:
        """The program succeeded: what it wrote takes the place of the old file, whole, in one step."""
        if self.output_path is not None:
            Path(self.part_path).replace(self.output_path)


@contextmanager
def place_for(context: Context[ScriptConfig]) -> Iterator[Place]:
    """The place of this run. Without a cwd it is an empty directory that is gone afterwards."""
    config, settings = context.config, context.settings
    seen = settings.get("script_env")
    env = {name: os.environ[name] for name in (SEEN if seen is None else seen) if name in os.environ}
    env.setdefault("PATH", DEFAULT_PATH)
    if config.cwd is not None:
        cwd = _allowed(config.cwd, settings, field="cwd")
        if not Path(cwd).is_dir():
            raise PermanentFailure(f"cwd: {config.cwd} is no directory on this worker.", kind="invalid_config")
        with _output(config, cwd, context) as (output, path, part):
            yield Place(cwd, env, output, path, part)
        return
    if config.stdout_file is not None and not Path(config.stdout_file).is_absolute():
        raise PermanentFailure("stdoutFile: give an absolute path, or set cwd.", kind="invalid_config")
    with tempfile.TemporaryDirectory(prefix="task-") as fresh, _output(config, fresh, context) as (output, path, part):
        yield Place(fresh, env, output, path, part)


def find_program(command: str, *, cwd: str, settings: Mapping[str, Any], must_exist: bool = True) -> str:
    """The file of an allowed program. Names are looked up in the worker's PATH, never in one the task brings."""
    allowed = settings.get("script_allowed_commands")
    if isinstance(allowed, Mapping):
        if command not in allowed:
            raise _not_allowed(command, allowed)
        return str(allowed[command])
    found = _on_disk(command, cwd)
    if allowed is not None and command not in allowed and found not in {_on_disk(one, cwd) for one in allowed} - {None}:
        raise _not_allowed(command, allowed)
    if found is None and must_exist:
        raise PermanentFailure(_not_found(command), kind="invalid_config")
    return found or command


def _on_disk(command: str, cwd: str) -> str | None:
    if "/" in command:
        path = Path(cwd, command)
        return str(path) if path.is_file() and os.access(path, os.X_OK) else None
    return shutil.which(command, path=os.environ.get("PATH", DEFAULT_PATH))


def _not_allowed(command: str, allowed: Iterable[str]) -> PermanentFailure:
    names = ", ".join(sorted(allowed)) or "none"
    return PermanentFailure(
        f"The command {command!r} is not allowed here. Allowed: {names}; an operator can add it to "
        "script_allowed_commands.",
        kind="blocked_target",
    )


def _not_found(command: str) -> str:
    if " " in command.strip():
        first = command.split()[0]
        return f"command: {command!r} is no program. Set command to {first!r} and put the rest into args."
    return f"command: {command!r} was not found on this worker, or is not executable."


def _allowed(path: str, settings: Mapping[str, Any], *, field: str) -> str:
    """The real path, links followed, if it lies under one of the operator's roots."""
    real = os.path.realpath(path)
    roots = settings.get("script_allowed_roots")
    if roots is None or any(Path(real).is_relative_to(os.path.realpath(root)) for root in roots):
        return real
    listed = ", ".join(map(str, roots)) or "none"
    raise PermanentFailure(
        f"{field}: {path} lies outside the allowed directories ({listed}). "
        "An operator can add it to script_allowed_roots.",
        kind="blocked_target",
    )


@contextmanager
def _output(
    config: ScriptConfig, cwd: str, context: Context[ScriptConfig]
) -> Iterator[tuple[IO[bytes] | None, str | None, str]]:
    if config.stdout_file is None:
        yield None, None, ""
        return
    path = _allowed(os.path.join(cwd, config.stdout_file), context.settings, field="stdoutFile")  # noqa: PTH118
    part = f"{path}.{context.execution_id}.{context.attempt}.part"
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as exc:
        raise PermanentFailure(f"stdoutFile: cannot write {path}: {exc.strerror}.", kind="invalid_config") from exc
    try:
        with os.fdopen(handle, "wb") as output:
            yield output, path, part
    finally:
        with suppress(FileNotFoundError):
            Path(part).unlink()
