"""How the admin answers a wish: carry out a verb, say what came of it, and ask before anything destructive.

Called by the actions of all pages. A refusal becomes a message, never an error page.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse

from tasks_app.domain.refusals import Refused

T = TypeVar("T")


def carry_out(request: HttpRequest, verb: Callable[[], T]) -> T | None:
    """The verb's answer, or None after telling the person why not."""
    try:
        return verb()
    except Refused as no:
        messages.error(request, in_words(no))
        return None


def in_words(no: Refused) -> str:
    """A refusal on one line, with the fields it names."""
    named = [f"{field}: {' '.join(errors)}" for field, errors in no.fields.items() if no.message not in errors]
    return " ".join([no.message, *named])


def again(request: HttpRequest, form: Any, dialog: Any, no: Refused) -> HttpResponse:
    """The dialog once more, with what the verb complained about beside its fields."""
    first = next(name for name, field in form.fields.items() if not field.widget.is_hidden)
    for path, errors in (no.fields or {"": [no.message]}).items():
        name, _, rest = path.partition(".")
        form.add_error(
            name if name in form.fields else first, [f"{rest}: {error}" if rest else error for error in errors]
        )
    context = {"dialog": dialog, "form": form, "form_submit_text": dialog["form_submit_text"]}
    return render(request, "unfold/helpers/dialog.html", context)


def go(request: HttpRequest, url: str) -> HttpResponse:
    """To another page; a dialog is told by htmx's header."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def person(request: HttpRequest) -> User:
    """Who is asking."""
    assert isinstance(request.user, User), "the admin lets nobody in without an account"
    return request.user


def request_id() -> str | None:
    """The id of this request, as the middleware bound it."""
    return structlog.contextvars.get_contextvars().get("request_id")


def ask(
    request: HttpRequest, page: Any, queryset: QuerySet[Any], *, action: str, question: str, yes: str
) -> TemplateResponse | None:
    """A page that asks before a destructive action on many rows; None once the person has said yes."""
    if request.POST.get("confirmed"):
        return None
    context = {
        **page.admin_site.each_context(request),
        "title": question,
        "rows": list(queryset[:200]),
        "action": action,
        "yes": yes,
        "opts": page.opts,
    }
    return TemplateResponse(request, "taskfleet/confirm.html", context)
