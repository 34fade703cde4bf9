"""What an edit in django-celery-beat's tables makes of a schedule. Rows in, values out; no statement.

Called by `rederive`. A schedule of a task owns its time: as long as its PeriodicTask says what was projected, it keeps
its own text; what somebody changed there is taken over. A hand-made PeriodicTask is always read from its rows.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django_celery_beat.models import PeriodicTask

from tasks_app.domain.beatrows import from_beat_crontab
from tasks_app.domain.schedules import ScheduleError, parse
from tasks_app.engine import projection
from tasks_app.engine.clock import policy
from tasks_app.engine.projection import Picture
from tasks_app.engine.timing import Timing

NO_SCHEDULE = "No crontab, interval or clocked schedule is set (those by the sun are not supported); set one."
DELETED = "Its PeriodicTask was deleted in django-celery-beat; set the schedule again to bring it back."


@dataclass(frozen=True)
class Derived:
    """The new values of a marked schedule row. `changed`: other instants are due from the edit on."""

    timing: Timing
    enabled: bool
    changed: bool
    error: str = ""


def derive(row: Any, task: PeriodicTask | None, *, now: datetime) -> Derived:
    """From a marked row and its PeriodicTask as it is now."""
    before = Timing.of(row)
    if task is None:
        return Derived(before, enabled=False, changed=True, error=DELETED)
    # While a task is paused its PeriodicTask is switched off by us: that says nothing about the schedule.
    enabled = task.enabled if row.active else row.enabled
    try:
        timing = _timing(row, task, now=now)
    except ScheduleError as exc:
        return Derived(before, enabled=enabled, changed=True, error=exc.message)
    return Derived(timing, enabled=enabled, changed=timing != before or enabled != row.enabled)


def _timing(row: Any, task: PeriodicTask, *, now: datetime) -> Timing:
    said = projection.read(task)
    if said is None:
        raise ScheduleError(NO_SCHEDULE)
    if row.definition_id is None:
        text, timezone = _text(said)
        anchor = _anchor(row, task, now=now) if said.kind == "interval" else None
        return Timing(text, timezone, anchor, said.start_time, said.expires)
    return _taken_over(row, said, now=now)


def _taken_over(row: Any, said: Picture, *, now: datetime) -> Timing:
    """The schedule of a task with whatever was changed in its rows."""
    before, projected = Timing.of(row), projection.expected(row)
    start_at = before.start_at if said.start_time == projected.start_time else said.start_time
    end_at = before.end_at if said.expires == projected.expires else said.expires
    if (said.kind, said.fields) == (projected.kind, projected.fields):
        return replace(before, start_at=start_at, end_at=end_at)
    text, timezone = _text(said)
    anchor = (start_at or before.anchor or now) if said.kind == "interval" else None
    return Timing(text, timezone, anchor, start_at, end_at)


def _text(said: Picture) -> tuple[str, str]:
    """A picture in our grammar, and its zone."""
    fields = dict(said.fields)
    if said.kind == "crontab":
        timezone = fields["timezone"]
        text = from_beat_crontab(**fields)
        return parse(text, timezone=timezone, minimum_interval=policy().minimum_interval).text, timezone
    if said.kind == "clocked":
        return parse(fields["clocked_time"].isoformat()).text, "UTC"
    seconds = timedelta(**{fields["period"]: fields["every"]}).total_seconds()
    if seconds % 1 or seconds <= 0:
        raise ScheduleError("An interval is a whole number of seconds; make it a second or longer.")
    return parse(f"PT{int(seconds)}S", minimum_interval=policy().minimum_interval).text, "UTC"


def _anchor(row: Any, task: PeriodicTask, *, now: datetime) -> datetime:
    """Where an interval counts from: kept once chosen, so that neither an edit nor a restart puts it off."""
    return task.start_time or row.anchor or task.last_run_at or task.date_changed or now
