"""Who may put an operator's secret into a config.

A secret's value belongs to the operator, and whoever may name it in a config may send it anywhere. So naming it is for
staff; everybody else may name those that TASK_SHARED_SECRETS lists. The same holds for changing, for a single run, a
config that names one. Called by authoring and by the triggers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine.clock import policy


def check(config: Mapping[str, Any], *, by: AbstractBaseUser | None, at: str = "config") -> None:
    """Raises Refused when `by` may not use a secret that the config names. No person (the system itself) may."""
    if by is None or getattr(by, "is_staff", False):
        return
    closed = sorted(set(_named(config)) - set(policy().shared_secrets))
    if closed:
        message = (
            f"Secret {', '.join(closed)} is not open to you: ask a member of staff to write this task, "
            "or the operator to add the secret to TASK_SHARED_SECRETS."
        )
        raise Refused(Code.INVALID, message, fields={at: [message]})


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$secret"), str):
            yield value["$secret"]
        for item in value.values():
            yield from _named(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _named(item)
