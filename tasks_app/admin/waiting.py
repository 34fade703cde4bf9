"""Why an open execution does not run right now, in one sentence. Called by the execution page."""

from tasks_app.admin import words
from tasks_app.models import Execution, Link, TaskDefinition

NAMED = 5


def why(execution: Execution) -> str:
    """What it waits for; empty for one that runs."""
    if execution.cancel_requested_at:
        return "Cancelling: its worker was told to stop."
    if execution.state == "blocked":
        return _blocked(execution)
    if execution.state in {"scheduled", "retrying"}:
        again = "Waits for its next try" if execution.state == "retrying" else "Not due yet: starts"
        return f"{again} at {words.exact(execution.run_at)}."
    return _pending(execution) if execution.state == "pending" else ""


def _pending(execution: Execution) -> str:
    if execution.held:
        return "Held back: its task is paused. Resume the task to let it run."
    if execution.waiting_slot:
        return f"Waits for a free slot of the limit {execution.waiting_slot}."
    if execution.batch_id:
        return "Waits for its turn in the batch."
    if execution.sent_at:
        return f"Sent to pool {execution.pool}; no worker has taken it yet."
    return f"Waits for its turn in pool {execution.pool}."


def _blocked(execution: Execution) -> str:
    ids = Link.objects.filter(downstream_id=execution.pk, state="open").values_list("upstream_definition_id", flat=True)
    upstream = list(ids[: NAMED + 1])
    if not upstream:
        return "Waits for its upstream tasks."
    names = list(TaskDefinition.objects.filter(pk__in=upstream[:NAMED]).order_by("name").values_list("name", flat=True))
    more = " and more" if len(upstream) > NAMED else ""
    until = f", at most until {words.exact(execution.blocked_until)}" if execution.blocked_until else ""
    return f"Waits for {', '.join(names)}{more}{until}."
