"""Which kinds of task exist, and the executor of each.

Three sources: the list below, installed packages (entry points `taskfleet.executors`) and dotted paths an operator
names (`load`). Classes are imported on first use; a type whose extra is missing stays known but is not available here.
Called by the engine, the API and the templates. No execution happens here.
"""

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any

from executors.config_errors import config_errors
from executors.contract import Executor

ENTRY_POINTS = "taskfleet.executors"
BUILT_IN: Mapping[str, str] = {
    "script": "executors.general.script:Script",
    "api_call": "executors.general.api_call:ApiCall",
    "webhook": "executors.general.webhook:Webhook",
    "custom": "executors.general.custom:Custom",
    "notification": "executors.general.notification:Notification",
}

__all__ = ["all_types", "available", "config_errors", "get", "load", "slug_of", "unavailable", "validate_config"]

_paths: dict[str, str] = {}
_slugs: dict[str, str] = {}


class RegistryError(Exception):
    """An executor was named that cannot be used: a mistake of the operator, found at start."""


class UnknownTaskType(LookupError):
    """Nobody registered this task type."""

    def __init__(self, task_type: str) -> None:
        self.task_type = task_type
        self.near = tuple(_slugs[key] for key in difflib.get_close_matches(_key(task_type), _slugs, n=3))
        hint = f"Did you mean {' or '.join(map(repr, self.near))}? " if self.near else ""
        super().__init__(f"Unknown task type {task_type!r}. {hint}Known types: {', '.join(all_types())}.")

    def __str__(self) -> str:
        return str(self.args[0])


class TaskTypeUnavailable(UnknownTaskType):
    """The task type is known, but something it needs is not installed here."""

    def __init__(self, task_type: str, *, reason: str) -> None:
        self.task_type, self.near, self.reason = task_type, (), reason
        LookupError.__init__(self, f"Task type {task_type!r} cannot run here: {reason}")


def load(extra: Iterable[str] = ()) -> None:
    """Read all three sources anew. `extra` holds "package.module:Class" paths, imported at once to find mistakes."""
    _paths.clear()
    _slugs.clear()
    get.cache_clear()
    for slug, path in BUILT_IN.items():
        _add(slug, path)
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        _add(entry.name, entry.value)
    for path in extra:
        try:
            _add(_import(path).task_type, path)
        except ImportError as exc:
            raise RegistryError(f"The executor {path} cannot be imported: {exc}. Correct its path.") from exc


def slug_of(task_type: str) -> str:
    """The registered spelling of a task type: price_alert, PriceAlert and price-alert are one."""
    slug = _slugs.get(_key(task_type))
    if slug is None:
        raise UnknownTaskType(task_type)
    return slug


@cache
def get(task_type: str) -> Executor[Any]:
    """The executor of a task type, one instance a process."""
    slug = slug_of(task_type)
    try:
        executor = _import(_paths[slug])()
    except ImportError as exc:
        raise TaskTypeUnavailable(slug, reason=f"{exc}. Install the extra that provides it.") from exc
    except Exception as exc:  # somebody's package is broken: its type is missing, the others run
        raise TaskTypeUnavailable(slug, reason=f"{type(exc).__name__}: {exc}") from exc
    absent = [name for name in executor.requires if not _installed(name)]
    if absent:
        raise TaskTypeUnavailable(slug, reason=f"{', '.join(absent)} is not installed. Install the extra.")
    return executor


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def all_types() -> tuple[str, ...]:
    """Every known task type, whether or not it can run here."""
    return tuple(sorted(_paths))


def available() -> tuple[str, ...]:
    """The task types this process can run."""
    missing = unavailable()
    return tuple(slug for slug in all_types() if slug not in missing)


def unavailable() -> dict[str, str]:
    """The known task types that cannot run here, each with the reason."""
    reasons: dict[str, str] = {}
    for slug in all_types():
        try:
            get(slug)
        except TaskTypeUnavailable as exc:
            reasons[slug] = exc.reason
    return reasons


def validate_config(task_type: str, raw: Any) -> dict[str, Any]:
    """The config as it is stored: only what was given, under its published names. Raises pydantic's error."""
    config = get(task_type).config_model.model_validate(raw)
    return config.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _key(task_type: str) -> str:
    return "".join(letter for letter in str(task_type).lower() if letter.isalnum())


def _add(slug: str, path: str) -> None:
    taken = _slugs.get(_key(slug))
    if taken is not None and _paths[taken] != path:
        raise RegistryError(f"Task type {slug!r} is claimed by {_paths[taken]} and by {path}. Remove one of them.")
    _slugs[_key(slug)] = slug
    _paths[slug] = path


def _import(path: str) -> type[Executor[Any]]:
    module, _, name = path.partition(":")
    if not module or not name:
        raise RegistryError(f"{path!r} is no executor path. Write it as 'package.module:Class'.")
    found = getattr(import_module(module), name, None)
    if not (isinstance(found, type) and issubclass(found, Executor)):
        raise RegistryError(f"{path} is not an Executor class. Point it at a subclass of executors.contract.Executor.")
    return found


load()
