"""When somebody wants a task to be due, as they say it; judged, and turned into a schedule row.

Made by authoring and the SDK through `scheduling`. No statement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar
from uuid import UUID

from tasks_app.domain.refusals import Refused, invalid
from tasks_app.domain.schedules import ScheduleError, Spec, parse
from tasks_app.domain.zones import zone
from tasks_app.engine.clock import policy
from tasks_app.engine.timing import Timing
from tasks_app.models import Schedule

CATCH_UP_LIMIT = 100


@lru_cache(maxsize=1_000)
def _parsed(text: str | None, timezone: str, minimum_interval: timedelta) -> Spec:
    """Many tasks written at once mostly repeat a few texts."""
    return parse(text, timezone=timezone, minimum_interval=minimum_interval)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """`text` None or "manual": no schedule. Raises Refused where it makes no sense, with `at` before the field."""

    WRITTEN: ClassVar = (
        "text",
        "timezone",
        "start_at",
        "end_at",
        "catch_up",
        "overlap",
        "misfire_seconds",
        "grace_seconds",
        "enabled",
    )

    definition_id: UUID
    text: str | None
    timezone: str = "UTC"
    start_at: datetime | None = None
    end_at: datetime | None = None
    catch_up: str = Schedule.CatchUp.LATEST
    overlap: str = Schedule.Overlap.QUEUE
    misfire_seconds: float | None = None
    grace_seconds: float | None = None
    enabled: bool = True
    at: str = ""

    def __post_init__(self) -> None:
        self._check_choice("catch_up", Schedule.CatchUp.values)
        self._check_choice("overlap", Schedule.Overlap.values)
        for name in ("start_at", "end_at"):
            instant = getattr(self, name)
            if instant is not None and instant.tzinfo is None:
                raise self._refused(name, "Give an instant with its offset, such as 2030-01-31T09:00:00Z.")
        if self.start_at and self.end_at and self.end_at <= self.start_at:
            raise self._refused("end_at", "The schedule would end before it starts; give a later end_at.")
        _ = self.spec

    @property
    def manual(self) -> bool:
        return self.spec.kind == "manual"

    @property
    def spec(self) -> Spec:
        try:
            zone(self.timezone)
        except ScheduleError as exc:
            raise self._refused("timezone", f"{exc.message} Did you mean {exc.suggestion!r}?") from None
        try:
            return _parsed(self.text, self.timezone, policy().minimum_interval)
        except ScheduleError as exc:
            raise self._refused("", str(exc)) from None

    def schedule(self, *, now: datetime, active: bool, before: Any = None) -> Schedule:
        """The row of this wish, next due after `now`; `before`, the row it replaces, keeps what did not change."""
        spec = self.spec
        timing = Timing(spec.text, self.timezone, self._anchor(spec, now, before), self.start_at, self.end_at)
        same = before is not None and (Timing.of(before), before.enabled, before.error) == (timing, self.enabled, "")
        following = before.next_due_at if same else timing.next_after(now)
        if following is None and not same:
            raise self._refused("", "This is never due again; give a later date, or a later end_at.")
        return Schedule(
            definition_id=self.definition_id,
            text=spec.text,
            timezone=self.timezone,
            anchor=timing.anchor,
            start_at=self.start_at,
            end_at=self.end_at,
            catch_up=self.catch_up,
            overlap=self.overlap,
            misfire_seconds=_seconds(self.misfire_seconds, policy().misfire_window),
            grace_seconds=_seconds(self.grace_seconds, policy().grace),
            enabled=self.enabled,
            next_due_at=following if self.enabled and active else None,
            stale_at=None,
            error="",
            # Not left to the database: DEFAULT in a statement of thousands of rows makes it five times slower.
            catch_up_limit=CATCH_UP_LIMIT,
            created_at=now,
        )

    def _anchor(self, spec: Spec, now: datetime, before: Any) -> datetime | None:
        """Where an interval counts from. Saving it again does not put it off."""
        if spec.kind != "interval":
            return None
        if before is not None and (before.text, before.start_at) == (spec.text, self.start_at):
            return before.anchor
        return self.start_at or now.replace(microsecond=0)

    def _check_choice(self, name: str, known: list[str]) -> None:
        if getattr(self, name) not in known:
            raise self._refused(name, f"Give one of {', '.join(known)}.")

    def _refused(self, field: str, message: str) -> Refused:
        return invalid(".".join(filter(None, (self.at, "schedule", field))), message)


def _seconds(given: float | None, otherwise: timedelta) -> float:
    return otherwise.total_seconds() if given is None else given
