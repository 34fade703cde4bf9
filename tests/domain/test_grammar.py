"""What a schedule may say, and how it is refused."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks_app.domain.schedules import ScheduleError, describe, parse

from .strategies import cron_expressions

MEANINGS = [
    ("Every 5 minutes", "every 5 minutes", timedelta(minutes=5)),
    ("every 10 minutes", "every 10 minutes", timedelta(minutes=10)),
    ("Every 30 minutes", "every 30 minutes", timedelta(minutes=30)),
    ("every minute", "every minute", timedelta(minutes=1)),
    ("every hour", "every hour", timedelta(hours=1)),
    ("every 2 hours", "every 2 hours", timedelta(hours=2)),
    ("every 1 day", "every day", timedelta(days=1)),
    ("every 7 days", "every 7 days", timedelta(days=7)),
    ("every 2 weeks", "every 14 days", timedelta(days=14)),
    ("every 90 secs", "every 90 seconds", timedelta(seconds=90)),
    ("EVERY 5 MIN", "every 5 minutes", timedelta(minutes=5)),
    ("every 1h30m", "every 90 minutes", timedelta(minutes=90)),
    ("@every 1h30m", "every 90 minutes", timedelta(minutes=90)),
    ("PT30M", "every 30 minutes", timedelta(minutes=30)),
    ("pt1h", "every hour", timedelta(hours=1)),
    ("P1DT12H", "every 36 hours", timedelta(hours=36)),
    ("P2W", "every 14 days", timedelta(days=14)),
    ("24h", "every day", timedelta(days=1)),
    ("1h30m", "every 90 minutes", timedelta(minutes=90)),
    ("1.5h", "every 90 minutes", timedelta(minutes=90)),
    ("45s", "every 45 seconds", timedelta(seconds=45)),
]

CALENDARS = [
    ("hourly", "hourly", "0 * * * *"),
    ("Daily", "daily", "0 0 * * *"),
    ("Weekly", "weekly", "0 0 * * 0"),
    ("monthly", "monthly", "0 0 1 * *"),
    ("every month", "monthly", "0 0 1 * *"),
    ("yearly", "yearly", "0 0 1 1 *"),
    ("annually", "yearly", "0 0 1 1 *"),
    ("daily at 9:00", "daily at 9:00", "0 9 * * *"),
    ("daily at 14:30", "daily at 14:30", "30 14 * * *"),
    ("Daily at 2:30 PM", "daily at 14:30", "30 14 * * *"),
    ("daily at 12 am", "daily at 0:00", "0 0 * * *"),
    ("daily at 12:05 pm", "daily at 12:05", "5 12 * * *"),
    ("every day at noon", "daily at 12:00", "0 12 * * *"),
    ("daily at midnight", "daily at 0:00", "0 0 * * *"),
    ("weekdays at 8:30", "weekdays at 8:30", "30 8 * * 1-5"),
    ("every weekday at 8:30", "weekdays at 8:30", "30 8 * * 1-5"),
    ("weekends at 10:00", "weekends at 10:00", "0 10 * * 0,6"),
    ("mondays at 9:00", "mondays at 9:00", "0 9 * * 1"),
    ("every sunday", "sundays", "0 0 * * 0"),
    ("fridays, Mondays and sundays at 8am", "mondays and fridays and sundays at 8:00", "0 8 * * 0,1,5"),
    ("monthly at 6:15", "monthly at 6:15", "15 6 1 * *"),
    ("@hourly", "@hourly", "0 * * * *"),
    ("@Daily", "@daily", "0 0 * * *"),
    ("@midnight", "@midnight", "0 0 * * *"),
    ("@weekly", "@weekly", "0 0 * * 0"),
    ("@monthly", "@monthly", "0 0 1 * *"),
    ("@yearly", "@yearly", "0 0 1 1 *"),
    ("@annually", "@annually", "0 0 1 1 *"),
    ("  0 9   * * mon-fri ", "0 9 * * MON-FRI", "0 9 * * MON-FRI"),
    ("0 0 9 * * *", "0 0 9 * * *", "0 0 9 * * *"),
    ("0 */5 * * * *", "0 */5 * * * *", "0 */5 * * * *"),
    ("0 0 L * *", "0 0 L * *", "0 0 L * *"),
    ("0 0 LW * *", "0 0 LW * *", "0 0 LW * *"),
    ("0 0 * jan-mar 1#2", "0 0 * JAN-MAR 1#2", "0 0 * JAN-MAR 1#2"),
    ("0 0 * * 5L", "0 0 * * 5L", "0 0 * * 5L"),
]


@pytest.mark.parametrize(("text", "normal", "step"), MEANINGS)
def test_an_interval_in_any_form_has_one_meaning_and_one_normal_form(text: str, normal: str, step: timedelta) -> None:
    spec = parse(text)
    assert (spec.kind, spec.text, spec.step) == ("interval", normal, step)


@pytest.mark.parametrize(("text", "normal", "expr"), CALENDARS)
def test_a_calendar_phrase_or_cron_expression_becomes_cron(text: str, normal: str, expr: str) -> None:
    spec = parse(text)
    assert (spec.kind, spec.text, spec.expr) == ("cron", normal, expr)


@pytest.mark.parametrize("text", [None, "", "   ", "manual", "Manual", "null"])
def test_no_schedule_is_a_manual_one(text: str) -> None:
    assert parse(text).kind == "manual"


@pytest.mark.parametrize("text", ["Real-time", "realtime", "REAL TIME"])
def test_real_time_is_the_smallest_interval_the_operator_allows(text: str) -> None:
    assert parse(text, minimum_interval=timedelta(seconds=10)).step == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01T09:00:00Z", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("2026-03-01t09:00z", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("2026-03-01T09:00:00+02:00", datetime(2026, 3, 1, 7, tzinfo=UTC)),
        ("2026-03-01 09:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-29T02:30", datetime(2026, 3, 29, 1, tzinfo=UTC)),  # jumped over: the moment of the jump
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # shown twice: the first time
    ],
)
def test_a_single_date_without_an_offset_is_meant_in_the_schedules_zone(text: str, at: datetime) -> None:
    spec = parse(text, timezone="Europe/Berlin")
    assert (spec.kind, spec.at) == ("once", at)
    assert parse(spec.text, timezone="Europe/Berlin") == spec


WRONG = [
    # numbers and near-durations
    "5", "300", "0", "-1", "1.5", "5 minutes", "7d", "2 weeks", "-5m", "9:00", "5x", "PT", "P", "P1M", "P1Y", "PT1.5S",
    "500ms", "0s", "PT0S", "1h-30m", "h", "24 h 30",
    # phrases
    "every", "every 5", "every 0 minutes", "every -5 minutes", "every 1.5 hours", "every five minutes",
    "every 5 fortnights", "evry 5 minutes", "every 5 minuts", "every 5 minutes please", "every 3 months",
    "every 2 years", "every 2 days at 9:00", "every 99999999999999999999 days", "every 999999999 days", "each day",
    "daily at", "daily at 9", "daily at 25:00", "daily at 9:60", "daily at 13 pm", "daily at 0:30 am", "daily 9:00",
    "daily at 9:00 and 17:00", "daily at 2:00 tomorrow", "at 9:00", "mondys at 9:00", "mondays and", "and", "weekly on",
    "weekdays and mondays", "tomorrow", "now", "first of the month", "hourly at 9:00", "soon", "every other day",
    # cron
    "* * * *", "* * *", "*", "* * * * * * *", "0 0 0 1/1 * ? *", "60 * * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *",
    "0 0 * 13 *", "0 0 * 0 *", "0 0 * * 8", "* * * * * ?", "0 0 ? * *", "*/0 * * * *", "*/90 * * * *", "0 */25 * * *",
    "1,,2 * * * *", ", * * * *", "5- * * * *", "-5 * * * *", "10-5 * * * *", "0 22-6 * * *", "0 9 * * SAT-SUN",
    "0 9 * * MONDAY", "0 9 * FOO *", "0 0 31 2 *", "0 0 30 FEB *", "0 0 31 4,6,9,11 *", "0 0 * * 1#6", "0 0 * * 1#0",
    "0 0 * * L", "L * * * *", "0 0 15W * *", "0 0 L-3 * *", "H/5 * * * *", "0 0 * * 1#2/3", "0 0 */31 * MON#5",
    "²* * * *", "١ * * * *", "0x5 * * * *", "1e1 * * * *", "*/1000000000000 * * * *", "0 0 * * * */15", "@reboot",
    "@every", "@every 5", "@fortnightly", "CRON_TZ=Europe/Berlin 0 5 * * *", "TZ=UTC 0 5 * * *",
    # dates
    "2026-03-01", "2026-13-01T00:00Z", "2026-02-30T00:00Z", "2026-03-01T24:30Z", "2026-03-01T09:00:00+25:00",
    "2026-W09-1", "0001-01-01T00:00+14:00", "2026-03-01T09", "03/01/2026 09:00",
    # hostile
    "9" * 5000, "*/" * 3000, "1," * 2000 + "1 * * * *", "every " * 1000, "(" * 1000, "\x00", "every 5\x00minutes",
    "a" * 200, "1-" * 90, "P" + "1" * 190 + "D", "0" * 190 + "x * * * *", "mondays " * 24 + "x", "every 5 " + "m" * 190,
]  # fmt: skip


def test_a_large_corpus_of_wrong_texts_is_collected() -> None:
    assert len(set(WRONG)) == len(WRONG) >= 100


@pytest.mark.parametrize("text", WRONG, ids=lambda text: repr(text[:40]))
def test_a_wrong_text_is_refused_quickly_with_a_place_and_a_suggestion_that_is_right(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ScheduleError) as refused:
        parse(text)
    assert time.perf_counter() - began < 0.05
    assert 0 <= refused.value.position <= len(text)
    assert refused.value.message and refused.value.message in str(refused.value)
    assert parse(refused.value.suggestion).kind != "manual"


@pytest.mark.parametrize("number", [5, 5.0, True, {"every": 5}, b"daily"])
def test_anything_but_text_is_refused(number: Any) -> None:
    with pytest.raises(ScheduleError, match="A schedule is text"):
        parse(number)


@pytest.mark.parametrize(
    ("text", "position", "suggestion"),
    [
        ("0 24 * * *", 2, "0 0 * * *"),
        ("60 * * * *", 0, "0 * * * *"),
        ("0 9 1,32 * *", 6, "0 9 1,1 * *"),
        ("0 22-6 * * *", 2, "0 22-23,0-6 * * *"),
        ("0 9 * * SAT-SUN", 8, "0 9 * * SAT,SUN"),
        ("0 9 * * FRI-MON", 8, "0 9 * * FRI-SAT,SUN-MON"),
        ("0 9 * * monday", 8, "0 9 * * MON"),
        ("0 0 12 * * ?", 11, "0 0 12 * * *"),
        ("0 0 0 1/1 * ? *", 14, "0 0 0 1/1 * *"),
        ("*/90 * * * *", 0, "every 90 minutes"),
        ("0 0 31 2 *", 4, "0 0 L 2 *"),
        ("evry 5 minutes", 0, "every 5 minutes"),
        ("  every 5 minuts", 10, "every 5 minutes"),
        ("every 3 months", 8, "0 0 1 */3 *"),
        ("weekdays at 25:00", 12, "weekdays at 9:00"),
        ("mondys at 9:00", 0, "mondays at 9:00"),
        ("300", 3, "every 300 minutes"),
        ("7d", 0, "every 7 days"),
        ("9:00", 0, "daily at 9:00"),
        ("5 minutes", 0, "every 5 minutes"),
        ("CRON_TZ=Europe/Berlin 0 5 * * *", 0, "0 5 * * *"),
    ],
)
def test_the_refusal_points_at_the_mistake_and_mends_it(text: str, position: int, suggestion: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse(text)
    assert (refused.value.position, refused.value.suggestion) == (position, suggestion)


@pytest.mark.parametrize(
    ("zone", "suggestion"),
    [("Europe/Berln", "Europe/Berlin"), ("utc+", "UTC"), ("", "UTC"), ("../etc/passwd", "UTC"), ("Europe", "UTC")],
)
def test_an_unknown_time_zone_is_refused_with_the_nearest_one(zone: str, suggestion: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse("daily", timezone=zone)
    assert "is not a time zone" in refused.value.message
    assert refused.value.suggestion in (suggestion, "Europe/Rome")


@pytest.mark.parametrize(
    ("text", "minimum", "accepted"),
    [
        ("every 30 seconds", 60, False),
        ("every minute", 60, True),
        ("*/10 * * * * *", 60, False),
        ("0,59 * * * *", 60, True),
        ("0,59 * * * *", 61, False),  # from :59 to the next :00
        ("0 0,30 * * * *", 1800, True),
        ("0 0,31 * * * *", 1800, False),
        ("0 0 23,0 * * 1", 7200, True),  # Mondays only: 23:00 is far from the next 0:00
        ("0 0,23 * * *", 7200, False),
        ("0 0 1,L * *", 86_400, True),
        ("0 0 1,L * *", 86_401, False),
        ("0 0 1 1 *", 86_400 * 300, True),
        ("2030-01-01T00:00Z", 3600, True),
        ("manual", 3600, True),
    ],
)
def test_nothing_may_come_more_often_than_the_operator_allows(text: str, minimum: int, accepted: bool) -> None:
    allowed = timedelta(seconds=minimum)
    if accepted:
        assert parse(text, minimum_interval=allowed)
    else:
        with pytest.raises(ScheduleError, match="more often than allowed"):
            parse(text, minimum_interval=allowed)


phrases = st.one_of(
    st.builds("every {} {}s".format, st.integers(1, 5000), st.sampled_from(["second", "minute", "hour", "day"])),
    st.builds("daily at {}:{:02d}".format, st.integers(0, 23), st.integers(0, 59)),
    st.builds("weekdays at {}:{:02d} {}".format, st.integers(1, 12), st.integers(0, 59), st.sampled_from(["am", "pm"])),
    st.builds(lambda at: at.isoformat(), st.datetimes(datetime(1975, 1, 1), datetime(2100, 1, 1))),
    st.builds("PT{}H{}M".format, st.integers(0, 99), st.integers(1, 99)),
    st.sampled_from([row[0] for row in MEANINGS + CALENDARS]),
)


@given(text=st.one_of(phrases, cron_expressions()), zone=st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Chatham"]))
def test_parsing_the_normal_form_gives_the_same_schedule(text: str, zone: str) -> None:
    try:
        spec = parse(text, timezone=zone)
    except ScheduleError as refused:
        assert "No date fits" in refused.message
        return
    assert parse(spec.text, timezone=zone) == spec
    assert describe(spec)


@given(text=st.text(max_size=60) | st.text("0123456789*/,-#LW? amepvryhdot:@PTZ", max_size=40))
def test_any_text_is_either_a_schedule_or_refused_with_a_right_suggestion(text: str) -> None:
    try:
        spec = parse(text)
    except ScheduleError as refused:
        assert 0 <= refused.position <= len(text)
        parse(refused.suggestion)
    else:
        assert parse(spec.text) == spec


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 8 * * MON-FRI", "At 08:00 on Monday through Friday (Europe/Berlin)"),
        ("daily at 9:00", "At 09:00 every day (Europe/Berlin)"),
        ("24h", "Every day"),
        ("every 5 minutes", "Every 5 minutes"),
        ("2026-03-01T09:00Z", "Once, at 2026-03-01 10:00:00 (Europe/Berlin)"),
        ("", "Only when started by hand or by another task"),
    ],
)
def test_a_schedule_is_told_in_plain_words(text: str, words: str) -> None:
    assert describe(text, timezone="Europe/Berlin") == words
