"""Our schedules as django-celery-beat's rows and back, held against Celery's own reading of crontabs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery.schedules import ParseException, crontab_parser
from hypothesis import given
from hypothesis import strategies as st

from tasks_app.domain.beatrows import BeatProjection, from_beat_crontab, to_beat
from tasks_app.domain.crontext import compiled
from tasks_app.domain.schedules import ScheduleError, Spec, next_fires, parse

from .strategies import cron_expressions

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = {"minute": (60, 0), "hour": (24, 0), "day_of_month": (31, 1), "month_of_year": (12, 1), "day_of_week": (7, 0)}


def fields_of(spec: Spec) -> Mapping[str, Any]:
    projection = to_beat(spec)
    assert projection is not None
    return projection.fields


def celery_reads(column: str, text: str) -> set[int]:
    return set(crontab_parser(*COLUMNS[column]).parse(text))


def celery_fires(fields: Mapping[str, Any], instant: datetime) -> bool:
    """Celery's rule: all five columns must fit."""
    now = (instant.minute, instant.hour, instant.day, instant.month, instant.isoweekday() % 7)
    return all(value in celery_reads(column, fields[column]) for value, column in zip(now, COLUMNS, strict=True))


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("*/15 9-17 * * MON-FRI", "*/15 9-17 * * 1-5"),
        ("0 0 9 * * *", "0 9 * * *"),
        ("30 */10 * * * *", "*/10 * * * *"),
        ("daily at 9:00", "0 9 * * *"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0,1,2,30 0 1 1,12 *", "0-2,30 0 1 1,12 *"),
        ("0 0 L * *", "0 0 28-31 * *"),
        ("0 0 LW * *", "0 0 26-31 * *"),
        ("0 0 * * 1#2", "0 0 8-14 * 1"),
        ("0 0 * * 1#5", "0 0 29-31 * 1"),
        ("0 0 * * 5L", "0 0 22-31 * 5"),
        ("0 0 13 * 5", "0 0 * * *"),  # Celery cannot say either-or
        ("0 0 */2 * 5", "0 0 */2 * 5"),
    ],
)
def test_cron_becomes_the_nearest_crontab(text: str, columns: str) -> None:
    projection = to_beat(parse(text, timezone="Europe/Berlin"))
    expected = dict(zip(COLUMNS, columns.split(), strict=True))
    assert projection == BeatProjection("crontab", {**expected, "timezone": "Europe/Berlin"})


@pytest.mark.parametrize(
    ("text", "every", "period"),
    [
        ("every 90 minutes", 90, "minutes"),
        ("24h", 1, "days"),
        ("every 7 days", 7, "days"),
        ("PT45S", 45, "seconds"),
        ("every 36 hours", 36, "hours"),
    ],
)
def test_an_interval_keeps_its_anchor_as_the_start(text: str, every: int, period: str) -> None:
    projection = to_beat(parse(text), anchor=NEW_YEAR)
    assert projection == BeatProjection("interval", {"every": every, "period": period}, NEW_YEAR)


def test_a_single_date_is_clocked_and_a_manual_schedule_has_no_row() -> None:
    assert fields_of(parse("2026-03-01T09:00Z")) == {"clocked_time": datetime(2026, 3, 1, 9, tzinfo=UTC)}
    assert to_beat(parse("manual")) is None


@given(expr=cron_expressions())
def test_the_nearest_crontab_never_leaves_a_fire_out(expr: str) -> None:
    try:
        spec = parse(expr)
    except ScheduleError:
        return
    fields = fields_of(spec)
    for fire in next_fires(spec, after=NEW_YEAR, count=5):
        assert celery_fires(fields, fire)
    assert len(fields["month_of_year"]) <= 64 and len(fields["day_of_week"]) <= 64  # the widths of beat's columns
    cron = compiled(spec.expr)
    assert celery_reads("minute", fields["minute"]) == cron.minutes
    assert celery_reads("hour", fields["hour"]) == cron.hours


@st.composite
def celery_columns(draw: Any) -> list[str]:
    """A crontab as Celery takes it: names, ranges over the end, steps, lists and blanks."""
    texts = []
    for column, (size, low) in COLUMNS.items():
        number = st.integers(low, low + size - 1).map(str)
        if column == "day_of_week":
            number = number | st.sampled_from(["mon", "Tuesday", "wed", "FRI", "sunday"])
        if column == "month_of_year":
            number = number | st.sampled_from(["jan", "March", "DEC"])
        term = (
            st.just("*")
            | number
            | st.builds("{}-{}".format, number, number)
            | st.builds("{}-{}/{}".format, number, number, st.integers(1, 5))
            | st.builds("*/{}".format, st.integers(1, size // 2))
        )
        texts.append(draw(st.lists(term, min_size=1, max_size=3).map(", ".join)))
    return texts


@given(columns=celery_columns())
def test_a_crontab_made_in_beat_keeps_the_meaning_celery_gives_each_column(columns: list[str]) -> None:
    expected = {name: celery_reads(name, text.replace(" ", "")) for name, text in zip(COLUMNS, columns, strict=True)}
    try:
        spec = parse(from_beat_crontab(*columns))
    except ScheduleError as refused:
        assert "No date fits" in refused.message or "at most" in refused.message
        return
    cron = compiled(spec.expr)
    ours = (
        cron.minutes,
        cron.hours,
        cron.days,
        cron.months,
        {day % 7 for day in cron.weekdays if isinstance(day, int)},
    )
    assert dict(zip(COLUMNS, ours, strict=True)) == expected


def test_a_crontab_with_both_days_gets_crons_either_or() -> None:
    text = from_beat_crontab("0", "0", "13", "*", "fri", "Europe/Berlin")
    assert text == "0 0 13 * 5"
    assert [due.day for due in next_fires(text, after=NEW_YEAR, count=4)] == [2, 9, 13, 16]


@pytest.mark.parametrize("minute", ["60", "x", "", "1,,2", "*/0", "-1", "1-", "5/", "*/x"])
def test_a_crontab_nobody_can_read_is_refused(minute: str) -> None:
    with pytest.raises((ParseException, ValueError, IndexError)):
        assert not crontab_parser(60).parse(minute)
    with pytest.raises(ScheduleError):
        from_beat_crontab(minute, "*", "*", "*", "*")


def test_a_crontab_that_says_what_ours_says_is_recognised_as_unchanged() -> None:
    spec = parse("weekdays at 8:30", timezone="Europe/Berlin")
    fields = fields_of(spec)
    again = parse(from_beat_crontab(*(fields[column] for column in COLUMNS)), timezone=fields["timezone"])
    assert to_beat(again) == to_beat(spec)
    assert timedelta(0) == next_fires(again, after=NEW_YEAR, count=1)[0] - next_fires(spec, after=NEW_YEAR, count=1)[0]
