"""Priorities by name and number, and the one order in which waiting executions are taken.

Called by authoring, trigger and the API. What a broker makes of a priority is `broker`'s matter.
"""

from datetime import datetime, timedelta

LOWEST, HIGHEST = 0, 9
NUMBERS = {"low": 2, "normal": 4, "high": 6, "critical": 9}
NORMAL = NUMBERS["normal"]
# One step of priority is worth this much waiting, so that nothing waits for ever behind what is more urgent.
STEP = timedelta(minutes=10)


def number_for(value: str | int) -> int:
    """The number of a priority given as a name, a number or a number in text; 9 is the most urgent."""
    if isinstance(value, str):
        text = value.strip().lower()
        if text in NUMBERS:
            return NUMBERS[text]
        value = int(text) if len(text) == 1 and text in "0123456789" else -1
    if isinstance(value, bool) or not isinstance(value, int) or not LOWEST <= value <= HIGHEST:
        raise ValueError(f"A priority is {', '.join(NUMBERS)} or a number from {LOWEST} to {HIGHEST}.")
    return value


def name_for(number: int) -> str:
    """The name nearest below a number; whatever is under `low` is still low."""
    return max((value, name) for name, value in NUMBERS.items() if value <= max(number, NUMBERS["low"]))[1]


def queue_at(ready_at: datetime, priority: int) -> datetime:
    """The key of the queue, smallest first: each step of priority counts like ten minutes of waiting."""
    return ready_at - priority * STEP
