"""The functions every installation has: noop, sleep, process_data, aggregate_results.

Registered with the same decorator as anybody's; nothing knows them by name. Loaded by `functions.load`.
"""

import statistics
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import Field

from executors.contract import Context, Result
from executors.errors import PermanentFailure, Stopped, TimedOut
from executors.general.functions import custom_function

SLICE_SECONDS = 0.1
Operation = Literal["collect", "merge", "count", "sum", "mean", "min", "max"]


@custom_function(pure=True)
def noop() -> Result:
    """Does nothing, successfully."""
    return Result("Nothing to do, done")


@custom_function
def sleep(*, seconds: Annotated[float, Field(ge=0, le=86_400)], context: Context[Any]) -> Result:
    """Waits so many seconds, reporting progress, and ends early when it is told to."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < seconds:
        if context.should_stop():
            raise Stopped(f"Stopped after {waited:.1f} s.")
        if context.time_left() == 0.0:
            raise TimedOut(f"The deadline came after {waited:.1f} of {seconds:g} s.")
        context.progress(waited / seconds)
        time.sleep(min(SLICE_SECONDS, seconds - waited))
    return Result(f"Waited {seconds:g} s", data={"seconds": seconds})


@custom_function
def process_data(*, source: str, target: str = "result", select: str | None = None, context: Context[Any]) -> Result:
    """Takes records from a source, selects from them with JMESPath, and puts them to a target.

    Sources: `inputs` (the ends of all upstreams by name), what one upstream returned by its name, and the places
    `database` and `cache`, which hold what earlier runs of this task put there. Targets: `result`, `database`, `cache`.
    """
    places = dict(context.state.get("process_data") or {})
    records = _selected(_source(source, context, places), select)
    if target not in ("result", "database", "cache"):
        raise PermanentFailure(f"target: {target!r} is none of result, database, cache.", kind="invalid_config")
    count = len(records) if isinstance(records, list | dict) else int(records is not None)
    state = None
    if target != "result":
        state = {**context.state, "process_data": {**places, target: records}}
    return Result(
        f"Processed {count} records from {source} to {target}",
        data={"source": source, "target": target, "processed": count, "records": records},
        items_processed=count,
        state=state,
    )


@custom_function
def aggregate_results(*, operation: Operation = "collect", select: str | None = None, context: Context[Any]) -> Result:
    """Brings all upstream tasks together: what each returned, or what `select` (JMESPath) picks of its end."""
    values = {name: _selected(end, select) if select else _data(end) for name, end in context.inputs.items()}
    return Result(
        f"{operation} over {len(values)} results",
        data={"operation": operation, "count": len(values), "value": _aggregated(operation, values)},
        items_processed=len(values),
    )


def _source(source: str, context: Context[Any], places: Mapping[str, Any]) -> Any:
    if source == "inputs":
        return dict(context.inputs)
    if source in context.inputs:
        return _data(context.inputs[source])
    if source in ("database", "cache"):
        return places.get(source) or []
    known = ", ".join(["inputs", "database", "cache", *context.inputs])
    raise PermanentFailure(f"source: {source!r} is none of {known}.", kind="invalid_config")


def _data(end: Any) -> Any:
    """What an upstream returned; an input that was given by hand is taken as it is."""
    return end["data"] if isinstance(end, Mapping) and {"status", "data"} <= end.keys() else end


def _selected(document: Any, select: str | None) -> Any:
    if select is None:
        return document
    try:
        return jmespath.search(select, document)
    except JMESPathError as exc:
        raise PermanentFailure(f"select: {str(exc).splitlines()[0]}", kind="invalid_config") from exc


def _aggregated(operation: Operation, values: Mapping[str, Any]) -> Any:
    if operation == "collect":
        return dict(values)
    if operation == "count":
        return len([value for value in values.values() if value is not None])
    if operation == "merge":
        return {key: item for value in values.values() if isinstance(value, Mapping) for key, item in value.items()}
    numbers = [value for value in values.values() if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        raise PermanentFailure(
            f"{operation} needs numbers, and {len(values) - len(numbers)} of {len(values)} values are none. "
            "Point select at the number in each result.",
            kind="invalid_config",
        )
    if operation == "sum":
        return sum(numbers)
    if not numbers:
        return None
    return statistics.fmean(numbers) if operation == "mean" else (min if operation == "min" else max)(numbers)
