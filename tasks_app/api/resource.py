"""What every resource of the API shares: typed bodies, known query parameters, rows a person may see or 404.

The views in `v1/` inherit it. No resource is named here.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine.reading import read, unknown, unstorable
from tasks_app.queries import single
from tasks_app.queries.keyset import Order

B = TypeVar("B", bound=BaseModel)
M = TypeVar("M", bound=Model)


class Resource(GenericViewSet):
    """A view set that refuses what it does not know.

    `extra_query` names the query parameters of an action beyond the filters and pages of `list`; `paged` the other
    actions that have pages.
    """

    extra_query: ClassVar[Mapping[str, tuple[OpenApiParameter, ...]]] = {}
    paged: ClassVar[frozenset[str]] = frozenset()
    lookup_field = "id"
    order = Order()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        refuse_unknown_query(request, self.query_names())

    def query_names(self) -> set[str]:
        """The query parameters the present action takes."""
        names = {parameter.name for parameter in self.extra_query.get(self.action or "", ())}
        if self.request.method == "GET" and (self.action == "list" or self.action in self.paged):
            names |= {"cursor", "page_size"} if self.paginator is not None else set()
        filters = getattr(self, "filterset_class", None)
        if self.action == "list" and filters is not None:
            names |= set(filters.base_filters)
        return names

    @property
    def person(self) -> User:
        """Who asks; permissions have made sure that it is somebody."""
        assert isinstance(self.request.user, User), "only authenticated requests come here"
        return self.request.user

    @property
    def request_id(self) -> str | None:
        """The id of this request, as in its logs and its answer."""
        return getattr(self.request, "request_id", None)

    def body(self, model: type[B], *, optional: bool = False) -> B:
        """The request's body, typed; `optional` takes an absent one as {}."""
        data: Any = self.request.data
        return read(model, {} if data is None and optional else data)


def found(rows: QuerySet[M], given: Any) -> M:
    """The row with this id among those a person may see; what is no id is nowhere."""
    id_ = as_id(given)
    return there(single.by_key(rows, id_) if id_ is not None else None)


def there(row: M | None) -> M:
    """A row, or 404 for none."""
    if row is None:
        raise Http404
    return row


def as_id(given: Any) -> UUID | None:
    """A UUID in any of its usual spellings."""
    try:
        return given if isinstance(given, UUID) else UUID(str(given))
    except ValueError:
        return None


def flag(request: Request, name: str) -> bool:
    """A query parameter that is true or false."""
    text = request.query_params.get(name, "false").lower()
    if text not in {"true", "false", "1", "0"}:
        raise Refused(Code.INVALID, f"{name}: give true or false.", fields={name: ["Give true or false."]})
    return text in {"true", "1"}


def refuse_unknown_query(request: Request, known: Iterable[str]) -> None:
    """400 naming every query parameter that is not known, given twice, or not plain text."""
    names = list(known)
    problems: dict[str, list[str]] = {}
    for name, values in request.query_params.lists():
        shown = name.encode("utf-8", "replace").decode().replace("\x00", "?")[:100]
        if name not in names:
            problems[shown] = [unknown(name, names, what="query parameter")]
        elif len(values) > 1:
            problems[shown] = ["Given more than once; give it once."]
        elif unstorable(values[0]):
            problems[shown] = ["This is not plain text."]
    if problems:
        where, messages = next(iter(problems.items()))
        raise Refused(Code.INVALID, f"{where}: {messages[0]}", fields=problems)
