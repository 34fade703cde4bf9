"""Performs one attempt: the executor is called with its context, and whatever leaves it becomes an outcome.

Called by `visit` in a pool child. Decides nothing about states; knows nothing about messages.
"""

import contextlib
import json
import resource
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pydantic

from executors import registry
from executors.contract import Context, Executor, Result
from executors.documents import as_json
from executors.errors import Failure, PermanentFailure, Stopped, classify
from executors.redaction import Redactor
from tasks_app.engine.clock import policy
from tasks_app.engine.finish import Outcome
from tasks_app.engine.fleet import EngineFleet
from tasks_app.engine.guard import Guard
from tasks_app.engine.held import Held
from tasks_app.engine.inputs import inputs_of
from tasks_app.engine.journal import Journal, Printed
from tasks_app.engine.mail import send_email
from tasks_app.engine.secret_values import secret


def run(held: Held, *, guard: Guard) -> Outcome:
    """One attempt, from validated config to outcome. Never raises for what the executor does."""
    redactor = Redactor()
    journal = Journal(held, redact=redactor.text, redact_json=redactor.json)
    before = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        outcome = _perform(held, guard=guard, journal=journal, redactor=redactor)
    finally:
        journal.close()
    return _measured(outcome, before, children)


def _perform(held: Held, *, guard: Guard, journal: Journal, redactor: Redactor) -> Outcome:
    try:
        executor = registry.get(held.task_type)
        context = _context(executor, held, guard=guard, journal=journal, redactor=redactor)
        out, err = Printed(journal.info), Printed(journal.warning)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            result = guard.call(lambda: executor.run(context), limit=held.timeout)
        out.flush()
        err.flush()
        for alert in getattr(result, "alerts", ()):
            journal.warning(f"alert {alert.code}: {alert.message}", severity=alert.severity, value=alert.value)
        return Outcome(result=_clean(result, redactor))
    except Stopped:
        return _stopped(held, guard)
    except BaseException as exc:  # whatever an executor raises is an outcome, not a crash
        failure = classify(exc)
        text = redactor.text("".join(traceback.format_exception(exc))[-20_000:])
        return Outcome(failure=replace(failure, message=redactor.text(failure.message)), traceback=text)


def _context(
    executor: Executor[Any], held: Held, *, guard: Guard, journal: Journal, redactor: Redactor
) -> Context[Any]:
    try:
        config = executor.config_model.model_validate(dict(held.config))
    except pydantic.ValidationError as exc:
        raise PermanentFailure(classify(exc).message, kind="invalid_config") from None
    return Context(
        execution_id=str(held.execution_id),
        config=config,
        inputs=inputs_of(held),
        attempt=held.number,
        now=held.started_at or datetime.now(UTC),
        deadline=held.deadline_at,
        secrets=redactor.watch(secret),
        state=held.kept_state,
        fleet=EngineFleet(),
        log=journal,
        progress=journal.progress,
        should_stop=lambda: guard.asked,
        idempotency_key=str(held.execution_id),
        settings=executor_settings(),
    )


def executor_settings() -> Mapping[str, Any]:
    """The operator's limits and the doors the engine opens for executors."""
    door: Callable[..., Any] = send_email
    return {**policy().executor_settings, "send_email": door}


def _clean(result: Result, redactor: Redactor) -> Result:
    """Redacted, JSON that the database can hold, and not larger than a row may be. Raises PermanentFailure."""
    if not isinstance(result, Result):
        raise PermanentFailure(f"The executor returned {type(result).__name__}, not a Result.", kind="bad_response")
    try:
        data = redactor.json(as_json(result.data))
        metrics, state = as_json(dict(result.metrics)), None if result.state is None else as_json(dict(result.state))
        size = len(json.dumps([data, state]))
    except (TypeError, ValueError) as exc:
        raise PermanentFailure(f"The result is not JSON: {exc}", kind="bad_response") from None
    if size > policy().result_bytes:
        raise PermanentFailure(
            f"The result has {size:,} bytes of JSON; at most {policy().result_bytes:,} are kept. "
            "Write large output to a file and return its path.",
            kind="bad_response",
        )
    summary = as_json(redactor.text(str(result.summary)))[:2000]
    warnings = tuple(redactor.text(str(as_json(warning))) for warning in result.warnings)
    return replace(result, summary=summary, data=data, metrics=metrics, state=state, warnings=warnings)


def _stopped(held: Held, guard: Guard) -> Outcome:
    """Why a run stopped: its deadline, a request (cancel: the end's guard makes it cancelled), or the worker's end."""
    if guard.deadline_passed:
        message = f"Timed out after {held.timeout.total_seconds():g} s; raise timeout_seconds if the work needs longer."
        return Outcome(failure=Failure("timeout", message))
    return Outcome(handed_back="stopped before it was done")


def _measured(outcome: Outcome, before: resource.struct_rusage, children: resource.struct_rusage) -> Outcome:
    own, subs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = own.ru_utime + own.ru_stime - before.ru_utime - before.ru_stime
    spent += subs.ru_utime + subs.ru_stime - children.ru_utime - children.ru_stime
    return replace(outcome, cpu_ms=round(spent * 1000), max_rss_kb=max(own.ru_maxrss, subs.ru_maxrss))
