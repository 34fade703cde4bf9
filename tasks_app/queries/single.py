"""One row among those somebody may see, by its key."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def by_key(rows: QuerySet[M], key: Any, *, field: str = "pk") -> M | None:
    """The row, or None when it is not there or not among these."""
    return rows.filter(**{field: key}).first()
