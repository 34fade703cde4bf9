"""What a schedule text means once it is understood, and how a text is refused.

Made by `grammar.parse`, read by `schedules`, `beatrows` and whoever shows a schedule. Parsing and arithmetic stay out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Kind = Literal["manual", "cron", "interval", "once"]


class ScheduleError(ValueError):
    """A schedule text nobody can follow: what is wrong, where (index into the text), and what would be right."""

    def __init__(self, message: str, position: int = 0, suggestion: str = "every 5 minutes") -> None:
        super().__init__(message, position, suggestion)
        self.message = message
        self.position = position
        self.suggestion = suggestion

    def __str__(self) -> str:
        return f"{self.message} (at character {self.position + 1}; try {self.suggestion!r})"


@dataclass(frozen=True, slots=True)
class Spec:
    """A schedule. `text` is the normalised form: parsing it again in the same zone gives the same Spec.

    `expr` (5 or 6 fields, seconds first) is set for cron, `step` for interval, `at` (aware UTC) for once.
    """

    kind: Kind
    text: str
    timezone: str = "UTC"
    expr: str | None = None
    step: timedelta | None = None
    at: datetime | None = None
