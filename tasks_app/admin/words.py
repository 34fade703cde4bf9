"""How the admin says things: a state as a badge, a moment as "3 min ago", a duration, a size.

Called by every page. Returns safe HTML or plain text; reads nothing.
"""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

NONE = "–"
_STEPS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))


def badge(state: str | None, *, text: str | None = None) -> SafeString | str:
    """A state in its colour. The colours stand in `fleet.css`, one class a state."""
    if not state:
        return NONE
    return format_html('<span class="tf-badge tf-is-{}">{}</span>', state, text or state.replace("_", " "))


def span(seconds: float | None) -> str:
    """A duration with the two units that matter: 850 ms, 3.2 s, 4 min 10 s, 2 h 5 min."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit, small, small_unit in _STEPS:
        if seconds >= size:
            rest = int(seconds % size // small)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{seconds:.0f} s"


def between(start: datetime | None, end: datetime | None) -> str:
    """How long from `start` to `end`; until now when it has not ended."""
    if start is None:
        return NONE
    return span(max(0.0, ((end or timezone.now()) - start).total_seconds()))


def when(moment: datetime | None, *, now: datetime | None = None) -> SafeString | str:
    """A moment relative to now, with the exact one on hover."""
    if moment is None:
        return NONE
    away = (moment - (now or timezone.now())).total_seconds()
    words = f"in {_coarse(away)}" if away > 0 else ("just now" if away > -1 else f"{_coarse(-away)} ago")
    return format_html(
        '<time class="tf-when" datetime="{}" title="{}">{}</time>', moment.isoformat(), exact(moment), words
    )


def exact(moment: datetime | None) -> str:
    """A moment to the second, in UTC and saying so."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else NONE


def size(kilobytes: int | None) -> str:
    """Memory in the unit a person reads."""
    if kilobytes is None:
        return NONE
    return f"{kilobytes / 1024:,.0f} MB" if kilobytes < 1024 * 1024 else f"{kilobytes / 1024 / 1024:,.1f} GB"


def link(url: str, text: Any, *, title: str = "") -> SafeString:
    """A plain link."""
    return format_html('<a class="tf-link" href="{}" title="{}">{}</a>', url, title, text)


def _coarse(seconds: float) -> str:
    for size_, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size_:
            return f"{int(seconds // size_)} {unit}"
    return f"{int(seconds)} s"
