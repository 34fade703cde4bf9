"""One verb on many executions, done to the set, told for each: what `executions/bulk/` answers."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from tasks_app.domain.refusals import Code, Refused
from tasks_app.domain.states import FINAL
from tasks_app.engine import control, reruns
from tasks_app.models import Execution, TaskDefinition

Done = UUID | Refused | None
MISSING = Refused(Code.NOT_FOUND, "There is no such execution that you can see.")
_OPEN = Refused(Code.CONFLICT, "Only an execution that has ended can be run again.")
_ARCHIVED = Refused(Code.CONFLICT, "The task is archived; it can be cloned, not run.")


def retried(known: Mapping[UUID, Execution], *, by: User, request_id: str | None) -> dict[UUID, Done]:
    """Run again what has ended: the id of the new execution for each, or why there is none."""
    done: dict[UUID, Done] = {id_: reason for id_, e in known.items() if (reason := _not_repeatable(e))}
    wanted = [id_ for id_ in known if id_ not in done]
    if not wanted:
        return done
    try:
        again = reruns.rerun(wanted, by=by, request_id=request_id)
    except Refused as no:
        return done | dict.fromkeys(wanted, no)
    return done | {execution.rerun_of: execution.pk for execution in again if execution.rerun_of}


def cancelled(known: Mapping[UUID, Execution], *, by: User, reason: str) -> dict[UUID, Done]:
    """Cancel what has not ended."""
    reached = set(control.cancel(list(known), by=by, reason=reason))
    ended = Refused(Code.CONFLICT, "The execution has ended already.")
    return {id_: None if id_ in reached else ended for id_ in known}


def row(id_: UUID, done: Done) -> dict[str, Any]:
    """One line of the answer."""
    if isinstance(done, Refused):
        return {"id": id_, "ok": False, "code": done.code, "message": done.message, "execution_id": None}
    return {"id": id_, "ok": True, "code": None, "message": None, "execution_id": done}


def _not_repeatable(execution: Execution) -> Refused | None:
    if execution.state not in FINAL:
        return _OPEN
    return _ARCHIVED if execution.definition.status == TaskDefinition.Status.ARCHIVED else None
