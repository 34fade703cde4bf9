"""How many rows, without counting them: an exact number up to a bound, the planner's estimate beyond it.

Called by the admin's lists and the dashboard. No full count may come in here.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet


@dataclass(frozen=True)
class Rows:
    """A number of rows; `capped` means there are more than `number`, `estimated` that nobody counted them."""

    number: int
    capped: bool = False
    estimated: bool = False

    def __str__(self) -> str:
        return f"{'about ' * self.estimated}{self.number:,}{'+' * self.capped}"

    def __bool__(self) -> bool:
        return self.number > 0


def up_to(limit: int, queryset: QuerySet[Any]) -> Rows:
    """The exact number when it is at most `limit`.

    The queryset should be ordered as an index is: without an order the database may look for the rows from the wrong
    end of the table, where there are none.
    """
    found = queryset[: limit + 1].count()
    return Rows(min(found, limit), capped=found > limit)


def about(model: type[Model]) -> Rows:
    """What the planner believes of a whole table; 0 for one that was never analysed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)", [model._meta.db_table])
        row = cursor.fetchone()
    return Rows(max(0, row[0]) if row else 0, estimated=True)
