"""Pages of lists: cursors, so that page 1,000 costs what page 1 costs and nothing is counted."""

from rest_framework.pagination import CursorPagination


class CreatedCursor(CursorPagination):
    """Newest first by the database's `created_at`, then id."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
