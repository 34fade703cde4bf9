"""script: runs a program with its arguments, and keeps what it said and what it used.

Run by the engine. There is no shell; the operator's settings say which programs (`script_allowed_commands`: names or
paths, or a mapping of name to path; None allows all), which directories (`script_allowed_roots`), which of the worker's
own variables it sees (`script_env`) and the most it may use (`script_limits`). The process work is done by `processes`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from executors.contract import Context, Executor, Result
from executors.errors import PermanentFailure, Stopped, TemporaryFailure, TimedOut
from executors.general.script_config import ScriptConfig
from executors.general.script_place import Place, find_program, place_for
from executors.output import Captured
from executors.processes import Command, Ended, Stream, run
from executors.redaction import Redactor
from executors.secrets import reveal
from executors.templating import render_text, scope_of

DETAIL = 4000
_BYTES_OF = {"memory_mb": "memory_bytes", "file_mb": "file_bytes"}


class Script(Executor[ScriptConfig]):
    """Runs one program to its end."""

    task_type: ClassVar[str] = "script"
    title: ClassVar[str] = "Script"
    description: ClassVar[str] = "Runs a program or script, without a shell, under limits."
    category: ClassVar[str] = "general"
    pool: ClassVar[str] = "script"
    config_model = ScriptConfig

    def is_idempotent(self, config: ScriptConfig) -> bool:
        return config.idempotent

    def check(self, config: ScriptConfig, *, settings: Mapping[str, Any]) -> Mapping[str, list[str]]:
        if "/" in config.command and not config.command.startswith("/"):
            return {}  # lies under the directory of the run, which only the worker knows
        try:
            find_program(config.command, cwd="/", settings=settings, must_exist=False)
        except PermanentFailure as exc:
            return {"command": [exc.message]}
        return {}

    def run(self, context: Context[ScriptConfig]) -> Result:
        redactor = Redactor()
        with place_for(context) as place:
            streams = _streams(context, redactor)
            command = _command(context, place, redactor)
            ended = run(
                command,
                output=lambda stream, chunk: streams[stream].feed(chunk),
                time_left=context.time_left,
                should_stop=context.should_stop,
                grace_seconds=float(context.settings.get("script_grace_seconds", 2.0)),
            )
            for captured in streams.values():
                captured.close()
            data = _data(ended, streams, place)
            _refuse_failure(context.config, ended, streams, data)
            place.keep_output()
        return Result(
            summary=f"{context.config.command} ended with {ended.exit_code} after {ended.duration_ms} ms",
            data=data,
            metrics={"duration_ms": ended.duration_ms, "cpu_ms": ended.cpu_ms, "max_rss_kb": ended.max_rss_kb},
            items_processed=1,
        )


def _streams(context: Context[ScriptConfig], redactor: Redactor) -> dict[Stream, Captured]:
    limit, log = context.config.limits.output_kb * 1024, context.log
    return {
        "stdout": Captured(limit=limit, hide=redactor.text, tell=lambda line: log.info(line, stream="stdout")),
        "stderr": Captured(limit=limit, hide=redactor.text, tell=lambda line: log.warning(line, stream="stderr")),
    }


def _command(context: Context[ScriptConfig], place: Place, redactor: Redactor) -> Command:
    config, scope = context.config, scope_of(context)
    path = find_program(config.command, cwd=place.cwd, settings=context.settings)
    args = [render_text(arg, scope=scope, where=f"args.{at}") for at, arg in enumerate(config.args)]
    secrets = redactor.watch(context.secrets)
    env = {
        name: render_text(value, scope=scope, where=f"env.{name}")
        if isinstance(value, str)
        else reveal(value, secrets=secrets)
        for name, value in config.env.items()
    }
    return Command(
        path=path,
        argv=(config.command, *args),
        cwd=place.cwd,
        env=place.env | {"TASK_EXECUTION_ID": context.execution_id, "TASK_ATTEMPT": str(context.attempt)} | env,
        stdin=None if config.stdin is None else render_text(config.stdin, scope=scope, where="stdin"),
        stdout=place.output,
        limits=_limits(config, context.settings.get("script_limits") or {}),
    )


def _limits(config: ScriptConfig, most: Mapping[str, int]) -> dict[str, int]:
    """The lower of what the task and the operator say, under the names the leash knows."""
    wished = config.limits.model_dump(exclude={"output_kb"}, exclude_none=True)
    limits: dict[str, int] = {}
    for name in {*wished, *most}:
        lowest = min(value for value in (wished.get(name), most.get(name)) if value is not None)
        limits[_BYTES_OF.get(name, name)] = lowest * (1024 * 1024 if name in _BYTES_OF else 1)
    return limits


def _data(ended: Ended, streams: Mapping[Stream, Captured], place: Place) -> dict[str, Any]:
    return {
        "exit_code": ended.exit_code,
        "signal": ended.signal,
        "timed_out": ended.cut == "timeout",
        "stdout": streams["stdout"].text(),
        "stderr": streams["stderr"].text(),
        "stdout_bytes": place.written() if place.output else streams["stdout"].total_bytes,
        "stderr_bytes": streams["stderr"].total_bytes,
        "stdout_file": place.output_path,
        "truncated": any(captured.truncated for captured in streams.values()),
        "duration_ms": ended.duration_ms,
        "cpu_ms": ended.cpu_ms,
        "max_rss_kb": ended.max_rss_kb,
        "limit_hit": {"SIGXCPU": "cpu_seconds", "SIGXFSZ": "file_mb"}.get(ended.signal or ""),
    }


def _refuse_failure(
    config: ScriptConfig, ended: Ended, streams: Mapping[Stream, Captured], data: Mapping[str, Any]
) -> None:
    """Raise what the end means, unless it means success."""
    if ended.cut == "stopped":
        raise Stopped(f"{config.command} was stopped.")
    details = dict(data) | {"stdout": streams["stdout"].text()[-DETAIL:], "stderr": streams["stderr"].text()[-DETAIL:]}
    if ended.cut == "timeout":
        raise TimedOut(f"{config.command} was ended at its deadline, after {ended.duration_ms} ms.", details=details)
    if ended.exit_code in config.expect_exit_codes:
        return
    how = f"exit code {ended.exit_code}" if ended.signal is None else f"signal {ended.signal}"
    said = streams["stderr"].last_line() or streams["stdout"].last_line()
    message = f"{config.command} ended with {how}{': ' + said[:300] if said else ''}"
    if data["limit_hit"]:
        message = f"{config.command} reached its limit {data['limit_hit']}. Raise limits.{data['limit_hit']}."
    if ended.exit_code in config.retry_exit_codes:
        raise TemporaryFailure(message, details=details)
    raise PermanentFailure(message, details=details)
