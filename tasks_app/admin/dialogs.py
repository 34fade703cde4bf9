"""Actions behind a dialog: nothing is done by following a link, only by sending the dialog's form.

Called by the pages' actions.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

F = TypeVar("F", bound=Callable[..., Any])
PLAIN, PRIMARY, DANGER = ActionVariant.DEFAULT, ActionVariant.PRIMARY, ActionVariant.DANGER
Dialog = dict[str, Any]


def dialog(title: str, about: str = "", *, yes: str, form: type[BaseDialogForm] | None = None) -> Dialog:
    """What a dialog says and asks; without a form it only asks for a yes."""
    return {"title": title, "description": about, "form_class": form, "form_submit_text": yes}


def asking(what: Dialog, *, label: str, icon: str, needs: str, look: ActionVariant = PLAIN) -> Callable[[F], F]:
    """An action that opens `what` first and needs the permission `needs`."""
    decorate: Callable[[F], F] = action(description=label, icon=icon, permissions=[needs], dialog=what, variant=look)
    return decorate
