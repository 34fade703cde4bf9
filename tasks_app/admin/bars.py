"""Progress bars: members by state as one bar in their colours. Called by the pages of batches and workflow runs."""

from collections.abc import Mapping

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

ORDER = (
    "completed",
    "failed",
    "missed",
    "cancelled",
    "skipped",
    "running",
    "retrying",
    "scheduled",
    "pending",
    "blocked",
)
QUIET = frozenset({"pending", "scheduled", "blocked"})


def pieces(counts: Mapping[str, int], *, total: int) -> list[tuple[str, float, str]]:
    """State, share in percent and words of each piece, what has ended first."""
    return [
        (state, round(100 * counts[state] / total, 2), f"{counts[state]:,} {state}")
        for state in ORDER
        if counts.get(state) and total
    ]


def bar(counts: Mapping[str, int], *, total: int, words: str) -> SafeString:
    """The bar with a word beside it; what still waits is left grey."""
    drawn = ((s, share, title) for s, share, title in pieces(counts, total=total) if s not in QUIET)
    inner = format_html_join("", '<i class="tf-is-{}" style="width:{}%" title="{}"></i>', drawn)
    title = ", ".join(title for _, _, title in pieces(counts, total=total))
    return format_html('<div class="tf-progress" title="{}"><div class="tf-bar">{}</div>{}</div>', title, inner, words)
