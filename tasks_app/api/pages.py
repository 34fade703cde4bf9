"""Pages of lists: cursors, so that page 1,000 costs what page 1 costs and nothing is counted."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from tasks_app.domain.refusals import invalid
from tasks_app.queries import keyset
from tasks_app.queries.keyset import Order, Position

SIZE, LARGEST, LONGEST_CURSOR = 50, 500, 600


class CreatedCursor(BasePagination):
    """Newest first by the database's `created_at`, then id; a view may name another `order`."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        order = getattr(view, "order", Order())
        position = decoded(request.query_params.get("cursor"), queryset, order)
        self.request = request
        self.page = keyset.page(queryset, order=order, size=size_of(request.query_params), position=position)
        return list(self.page.rows)

    def get_paginated_response(self, data: Any) -> Response:
        links = {"next": self._link(self.page.next), "previous": self._link(self.page.previous)}
        return Response({**links, "results": data})

    def get_paginated_response_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        fields = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": ["next", "previous", "results"], "properties": fields}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        number = {"type": "integer", "minimum": 1, "maximum": LARGEST, "default": SIZE}
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "From next or previous."},
            {"name": "page_size", "in": "query", "schema": number, "description": "Rows on a page."},
        ]

    def _link(self, position: Position | None) -> str | None:
        if position is None:
            return None
        return replace_query_param(self.request.build_absolute_uri(), "cursor", encoded(position))


def size_of(query: Mapping[str, str], *, default: int = SIZE) -> int:
    """The wished page size."""
    text = query.get("page_size", str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= LARGEST):
        raise invalid("page_size", f"Give a whole number from 1 to {LARGEST}.")
    return int(text)


def encoded(position: Position) -> str:
    """A position as an opaque text."""
    texts = [value.isoformat() if isinstance(value, datetime) else str(value) for value in position.values]
    return base64.urlsafe_b64encode(json.dumps([int(position.back), *texts]).encode()).decode().rstrip("=")


def decoded(text: str | None, queryset: QuerySet[Any], order: Order) -> Position | None:
    """The position that `encoded` wrote."""
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text[:LONGEST_CURSOR] + "=" * (-len(text) % 4))
        back, *texts = json.loads(raw)
        if back not in (0, 1) or not all(isinstance(one, str) and "\x00" not in one for one in texts):
            raise ValueError(back)
        return Position(keyset.typed(queryset.model, order, texts), back=bool(back))
    except (ValueError, TypeError, ValidationError, RecursionError):
        raise invalid("cursor", "This is no cursor of this list; take it from next or previous.") from None
