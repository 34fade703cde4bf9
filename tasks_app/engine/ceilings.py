"""The slot rows behind a task's own limits: `max_concurrent`, and a `concurrency_key` shared by several tasks.

Called by `authoring`. Taking and handing on the slots is `slots`' matter.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tasks_app.engine import slots
from tasks_app.engine.inserting import insert
from tasks_app.engine.reading import path, refused
from tasks_app.models import Slot

Contents = Mapping[str, Any]


def for_new(contents: Mapping[UUID, Contents]) -> None:
    """Make the rows of new tasks: nobody waits for theirs yet, only for shared keys. Requires a transaction."""
    own = {_own_key(id_): c["max_concurrent"] for id_, c in contents.items() if c["max_concurrent"] is not None}
    insert(Slot, [{"key": key, "limit": limit, "used": 0} for key, limit in sorted(own.items())])
    shared = {c["concurrency_key"]: c["concurrency_limit"] for c in contents.values() if c["concurrency_limit"]}
    for key, limit in sorted(shared.items()):
        slots.set_limit(_shared_key(key), limit)


def for_edited(definition_id: UUID, *, old: Contents, new: Contents) -> None:
    """Bring the rows of an edited task in line; a shared key outlives its tasks. Requires a transaction."""
    if old["max_concurrent"] != new["max_concurrent"]:
        slots.set_limit(_own_key(definition_id), new["max_concurrent"])
    if new["concurrency_limit"] is not None:
        slots.set_limit(_shared_key(new["concurrency_key"]), new["concurrency_limit"])


def refuse_unlimited_keys(contents: Mapping[str, Contents]) -> None:
    """Refuse keys that nobody gave a limit yet; `contents` by the path of their task."""
    given = {c["concurrency_key"] for c in contents.values() if c["concurrency_limit"] is not None}
    wanting = {at: c["concurrency_key"] for at, c in contents.items() if c["concurrency_key"]}
    asked = [_shared_key(key) for key in set(wanting.values()) - given]
    known = set(Slot.objects.filter(key__in=asked).values_list("key", flat=True)) if asked else set()
    missing = set(asked) - known
    problems = {
        path(at, "concurrency_limit"): ["Nobody gave this key a limit yet; give concurrency_limit."]
        for at, key in wanting.items()
        if _shared_key(key) in missing
    }
    if problems:
        raise refused(problems)


def _own_key(definition_id: UUID) -> str:
    return f"definition:{definition_id}"


def _shared_key(key: str) -> str:
    return f"key:{key}"
