"""A page of a list that is never counted and costs the same wherever it lies: rows beyond a known row, by an index.

Called by the API's pages. Ties are broken by the last field of the order, which must be unique.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan


@dataclass(frozen=True)
class Order:
    """The fields that order a list and whether the greatest comes first."""

    fields: tuple[str, ...] = ("created_at", "id")
    descending: bool = True


@dataclass(frozen=True)
class Position:
    """Just behind the row with these values, seen in reading direction; `back`: just before it."""

    values: tuple[Any, ...]
    back: bool = False


@dataclass(frozen=True)
class Page:
    """Rows in the order of the list, and where its neighbours begin."""

    rows: Sequence[Any]
    next: Position | None
    previous: Position | None


def page(rows: QuerySet[Any], *, order: Order, size: int, position: Position | None = None) -> Page:
    """At most `size` rows; one statement."""
    back = position is not None and position.back
    falling = order.descending != back
    if position is not None:
        rows = rows.filter(_beyond(order, position, falling))
    found = list(rows.order_by(*(f"-{name}" if falling else name for name in order.fields))[: size + 1])
    more, found = len(found) > size, found[:size]
    if back:
        found.reverse()
    forward = bool(found) and (more if not back else True)
    backward = bool(found) and (more if back else position is not None)
    return Page(
        found,
        next=Position(_values(found[-1], order)) if forward else None,
        previous=Position(_values(found[0], order), back=True) if backward else None,
    )


def typed(model: type[Model], order: Order, texts: Sequence[str]) -> tuple[Any, ...]:
    """The values of a position from their texts; ValueError or a ValidationError when they cannot be."""
    if len(texts) != len(order.fields):
        raise ValueError("A position has one value for each field of the order.")
    fields: Any = [model._meta.get_field(name) for name in order.fields]
    return tuple(field.to_python(text) for field, text in zip(fields, texts, strict=True))


def _beyond(order: Order, position: Position, falling: bool) -> Any:
    lookup: Any = TupleLessThan if falling else TupleGreaterThan
    return lookup(Tuple(*(F(name) for name in order.fields)), tuple(position.values))


def _values(row: Any, order: Order) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in order.fields)
