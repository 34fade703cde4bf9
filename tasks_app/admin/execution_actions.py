"""What a person with the right to run tasks may do to executions: cancel open ones, retry those that ended."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from tasks_app.admin.dialogs import DANGER, PRIMARY, asking, dialog
from tasks_app.admin.lines import execution_url
from tasks_app.admin.reply import ask, carry_out, go, person, request_id
from tasks_app.domain.states import FINAL
from tasks_app.engine import control, reruns
from tasks_app.models import Execution

WHY = "cancelled in the admin"
CANCEL = dialog(
    "Cancel this execution?",
    "A waiting one ends at once; a running one is told to stop and is ended when it does not.",
    yes="Cancel execution",
)
RETRY = dialog("Run this again?", "A new execution with the same settings, pointing back to this one.", yes="Run again")


class ExecutionActions:
    """Mixed into the page of executions."""

    actions = ("cancel_selected", "retry_selected")
    actions_detail = ("cancel", "retry")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only what makes sense in the state it is in."""
        found: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        state = Execution.objects.filter(pk=object_id).values_list("state", flat=True).first()
        useless = "_cancel" if state in FINAL else "_retry"
        return [item for item in found if not item.action_name.endswith(useless)]

    @asking(CANCEL, label="Cancel", icon="cancel", needs="execute", look=DANGER)
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """End one execution."""
        reached = carry_out(request, lambda: control.cancel([UUID(object_id)], by=person(request), reason=WHY))
        if reached:
            messages.success(request, "Cancelled, or told to stop.")
        elif reached is not None:
            messages.warning(request, "It had ended already; nothing was cancelled.")
        return go(request, execution_url(UUID(object_id)))

    @asking(RETRY, label="Retry", icon="replay", needs="execute", look=PRIMARY)
    def retry(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Run one again and go to the new execution."""
        made = carry_out(request, lambda: reruns.rerun([UUID(object_id)], by=person(request), request_id=request_id()))
        if not made:
            return go(request, execution_url(UUID(object_id)))
        messages.success(request, "Started again; this is the new execution.")
        return go(request, execution_url(made[0].pk))

    @admin.action(description="Cancel", permissions=["execute"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> HttpResponse | None:
        """End the open ones among the selected."""
        question = "Cancel these executions?"
        asked = ask(request, self, queryset, action="cancel_selected", question=question, yes="Cancel them")
        if asked:
            return asked
        ids = list(queryset.values_list("pk", flat=True))
        reached = carry_out(request, lambda: control.cancel(ids, by=person(request), reason=WHY))
        if reached is not None:
            messages.success(request, f"{len(reached)} of {len(ids)} cancelled or told to stop; the others had ended.")
        return None

    @admin.action(description="Retry", permissions=["execute"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Execution]) -> HttpResponse | None:
        """Run the final ones among the selected again."""
        ids = list(queryset.filter(state__in=FINAL).values_list("pk", flat=True))
        if not ids:
            messages.warning(request, "None of these has ended yet; only ended executions can be retried.")
            return None
        made = carry_out(request, lambda: reruns.rerun(ids, by=person(request), request_id=request_id()))
        if made is not None:
            messages.success(request, f"{len(made)} started again.")
        return None
