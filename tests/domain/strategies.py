"""Cron expressions for property tests."""

from typing import Any

from hypothesis import strategies as st

# Seconds, minutes, hours, days of month, months, days of week.
BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@st.composite
def cron_fields(draw: Any, low: int, high: int) -> str:
    number = st.integers(low, high)
    kind = draw(st.sampled_from(["*", "*/n", "a", "a-b", "a-b/n", "list"]))
    if kind == "list":
        return ",".join(str(item) for item in sorted(draw(st.sets(number, min_size=1, max_size=4))))
    first, last = sorted((draw(number), draw(number)))
    step = draw(st.integers(1, (high - low) // 2))
    return {"*": "*", "*/n": f"*/{step}", "a": str(first), "a-b": f"{first}-{last}", "a-b/n": f"{first}-{last}/{step}"}[
        kind
    ]


@st.composite
def cron_expressions(draw: Any) -> str:
    """Five or six fields; some of them name no date at all."""
    bounds = BOUNDS[draw(st.integers(0, 1)) :]
    return " ".join(draw(cron_fields(low, high)) for low, high in bounds)
