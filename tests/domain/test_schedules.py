"""When schedules are due, also where clocks are moved."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks_app.domain.crontext import compiled
from tasks_app.domain.schedules import Spec, latest_fires, missed_between, next_fire, next_fires, parse

from .strategies import cron_expressions

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# Clock changes worth trying: half an hour, at midnight, in a zone off by 45 minutes, over the date line, by two hours,
# for a few weeks only, and the plain ones.
CHANGES = [
    ("America/New_York", datetime(2025, 3, 9, 7)),
    ("America/New_York", datetime(2025, 11, 2, 6)),
    ("Europe/Berlin", datetime(2026, 3, 29, 1)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1)),
    ("Australia/Lord_Howe", datetime(2025, 4, 5, 15)),
    ("Australia/Lord_Howe", datetime(2025, 10, 4, 15, 30)),
    ("Pacific/Chatham", datetime(2025, 4, 5, 14)),
    ("Pacific/Chatham", datetime(2025, 9, 27, 14)),
    ("Africa/Cairo", datetime(2025, 4, 24, 22)),
    ("Africa/Cairo", datetime(2025, 10, 30, 21)),
    ("America/Santiago", datetime(2025, 9, 7, 4)),
    ("America/Havana", datetime(2025, 11, 2, 5)),
    ("Africa/Casablanca", datetime(2025, 2, 23, 2)),
    ("Africa/Casablanca", datetime(2025, 4, 6, 2)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10)),
    ("Antarctica/Troll", datetime(2025, 3, 30, 1)),
    ("Antarctica/Troll", datetime(2025, 10, 26, 1)),
]


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def local(instants: list[datetime], zone: str) -> list[str]:
    return [instant.astimezone(ZoneInfo(zone)).strftime("%d %H:%M%z") for instant in instants]


def fires(text: str, zone: str, after: datetime, count: int) -> list[str]:
    return local(next_fires(text, timezone=zone, after=after, count=count), zone)


def watched(expr: str, zone: str, first: datetime, until: datetime) -> list[datetime]:
    """The fires in (first, until] found by looking at a clock in the zone every minute.

    Real time: fire when the clock shows a fitting time. Fixed times: fire when the clock first reaches or passes one.
    """
    cron, place = compiled(expr), ZoneInfo(zone)
    minutes = expr.split()[-5:]
    fixed = not minutes[0].startswith("*") and not minutes[1].startswith("*")

    def fits(wall: datetime) -> bool:
        in_day = wall.minute in cron.minutes and wall.hour in cron.hours
        return in_day and wall.month in cron.months and cron.match_day(wall.date())

    # A day of lead, so that the latest time shown so far is known at `first`.
    instant = first - 26 * HOUR
    shown = instant.astimezone(place).replace(tzinfo=None)
    found = []
    while instant < until:
        instant += MINUTE
        wall = instant.astimezone(place).replace(tzinfo=None)
        if not fixed:
            due = fits(wall)
        else:
            due, passing = False, shown
            while passing < wall:
                passing += MINUTE
                due = due or fits(passing)
            shown = max(shown, wall)
        if due and instant > first:
            found.append(instant)
    return found


@st.composite
def minute_expressions(draw: Any) -> str:
    """Five fields that fire often enough to meet a clock change within a day or two."""
    minute = draw(st.sampled_from(["*", "*/15", "*/7", "0", "30", "5,35", "0-59/20", "1-3", "59", "0/13"]))
    hour = draw(st.sampled_from(["*", "*/2", "*/5", "0", "1", "2", "3", "1-4", "0-23/2", "22,23,0", "2/3", "0-23"]))
    return f"{minute} {hour} {draw(st.sampled_from(['*', '*', '*/2', '1-31', 'L']))} * {draw(st.sampled_from('**5'))}"


@settings(max_examples=200, deadline=None)
@given(change=st.sampled_from(CHANGES), expr=minute_expressions(), lead=st.integers(0, 15 * 60))
@example(change=CHANGES[4], expr="0 */2 * * *", lead=300)
@example(change=CHANGES[6], expr="0 */2 * * *", lead=300)
@example(change=CHANGES[14], expr="0 12 * * *", lead=700)
def test_around_every_kind_of_clock_change_fires_are_those_a_watcher_of_the_clock_sees(
    change: tuple[str, datetime], expr: str, lead: int
) -> None:
    zone, moved_at = change
    first = moved_at.replace(tzinfo=UTC) - timedelta(minutes=lead)
    until = first + 18 * HOUR
    spec = parse(expr, timezone=zone)
    expected = watched(expr, zone, first, until)
    assert next_fires(spec, after=first, count=3000, end=until) == expected
    assert missed_between(spec, first=first, until=until) == (len(expected), expected[-1] if expected else None)
    assert latest_fires(spec, after=first, until=until, count=5) == expected[-5:]


instants = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))


@settings(deadline=None)
@given(
    expr=cron_expressions(),
    zone=st.sampled_from(["UTC", *sorted({zone for zone, _ in CHANGES})]),
    after=instants,
)
def test_next_fires_come_strictly_after_and_strictly_one_after_the_other(expr: str, zone: str, after: datetime) -> None:
    try:
        spec = parse(expr, timezone=zone)
    except ValueError:
        return
    found = next_fires(spec, after=after, count=20)
    assert all(earlier < later for earlier, later in pairwise([after, *found]))
    assert all(instant.tzinfo is UTC for instant in found)
    if found:
        assert missed_between(spec, first=after, until=found[-1]) == (len(found), found[-1])
        assert latest_fires(spec, after=after, until=found[-1], count=7) == found[-7:]
        between = after + (found[0] - after) / 2
        assert next_fire(spec, after=between) == found[0]


@given(expr=cron_expressions(), after=instants)
def test_in_utc_the_answer_is_cronsims(expr: str, after: datetime) -> None:
    try:
        spec = parse(expr)
    except ValueError:
        return
    cron = CronSim(spec.expr or "", after)
    assert next_fires(spec, after=after, count=5) == [next(cron) for _ in range(5)]


@given(
    step=st.integers(1, 10**7),
    anchor=instants,
    after=instants,
    count=st.integers(1, 30),
)
def test_an_interval_is_evenly_spaced_from_its_anchor(step: int, anchor: datetime, after: datetime, count: int) -> None:
    length = timedelta(seconds=step)
    spec = parse(f"every {step} seconds")
    found = next_fires(spec, after=after, count=count, anchor=anchor)
    assert found[0] > after and found[0] >= anchor
    assert (found[0] - anchor) % length == timedelta(0)
    assert found[0] == anchor or found[0] - length <= after
    assert {later - earlier for earlier, later in pairwise(found)} <= {length}
    assert missed_between(spec, first=after, until=found[-1], anchor=anchor) == (count, found[-1])
    assert latest_fires(spec, after=after, until=found[-1], count=3, anchor=anchor) == found[-3:]


def test_an_interval_longer_than_the_time_between_two_deploys_keeps_its_anchor() -> None:
    weekly = parse("every 7 days")
    created = at(2026, 1, 1, 10)
    assert next_fire(weekly, after=created, anchor=created) == at(2026, 1, 8, 10)
    assert next_fire(weekly, after=at(2026, 1, 7, 23), anchor=created) == at(2026, 1, 8, 10)
    assert next_fire(weekly, after=at(2026, 1, 8, 10), anchor=created) == at(2026, 1, 15, 10)


def test_a_schedule_that_starts_later_begins_with_its_start_and_ends_with_its_end() -> None:
    start, end = at(2026, 1, 2), at(2026, 1, 2, 4)
    found = next_fires("every 2 hours", after=at(2026, 1, 1, 1), count=10, start=start, end=end)
    assert found == [start, at(2026, 1, 2, 2), end]
    assert next_fires("0 0 * * *", after=at(2026, 1, 1, 1), count=1, start=start) == [start]


def test_a_single_date_comes_once_and_a_manual_schedule_never() -> None:
    once = parse("2026-03-01T09:00Z")
    due = at(2026, 3, 1, 9)
    assert next_fire(once, after=due - MINUTE) == due
    assert next_fire(once, after=due) is None
    assert missed_between(once, first=due - MINUTE, until=due) == (1, due)
    assert missed_between(once, first=due, until=due + DAY) == (0, None)
    assert next_fires("manual", after=due, count=3) == []
    assert missed_between(parse(None), first=due, until=due + DAY) == (0, None)


def test_fixed_times_run_once_right_after_the_gap_and_once_in_the_overlap() -> None:
    zone = "America/New_York"
    assert fires("30 2 * * *", zone, at(2025, 3, 8, 12), 2) == ["09 03:00-0400", "10 02:30-0400"]
    assert fires("0,30 2,3 * * *", zone, at(2025, 3, 8, 12), 3) == ["09 03:00-0400", "09 03:30-0400", "10 02:00-0400"]
    assert fires("30 1 * * *", zone, at(2025, 11, 1, 12), 2) == ["02 01:30-0400", "03 01:30-0500"]


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("30 2 9 3 *", at(2025, 3, 9, 7)),  # jumped over: right after the gap
        ("30 1 2 11 *", at(2025, 11, 2, 5, 30)),  # shown twice: the first time
        ("* 3 9 3 *", at(2025, 3, 9, 7)),
        ("59 1 9 3 *", at(2025, 3, 9, 6, 59)),
        ("0 0 9 3 *", at(2025, 3, 9, 5)),
        ("0 0 10 3 *", at(2025, 3, 10, 4)),
        ("0 0 3 11 *", at(2025, 11, 3, 5)),
    ],
)
def test_a_rare_schedule_meets_a_clock_change_the_same_when_asked_long_before(text: str, due: datetime) -> None:
    spec = parse(text, timezone="America/New_York")
    for lead in (HOUR, 3 * DAY, 5 * DAY, 40 * DAY, 200 * DAY):
        assert next_fire(spec, after=due - lead) == due


def test_a_fire_at_the_very_end_of_a_span_counts_also_when_the_clock_jumps_there() -> None:
    spec, jump = parse("30 2 * * *", timezone="America/New_York"), at(2025, 3, 9, 7)
    assert missed_between(spec, first=jump - HOUR, until=jump) == (1, jump)
    assert missed_between(spec, first=jump, until=jump + HOUR) == (0, None)
    assert latest_fires(spec, after=jump - HOUR, until=jump, count=3) == [jump]


def test_fixed_times_are_not_repeated_when_asked_in_the_middle_of_the_overlap() -> None:
    second_hour = at(2025, 11, 2, 6, 10)  # 01:10 for the second time
    assert fires("30 1 * * *", "America/New_York", second_hour, 1) == ["03 01:30-0500"]
    assert fires("*/30 * * * *", "America/New_York", second_hour, 2) == ["02 01:30-0500", "02 02:00-0500"]


def test_writing_the_seconds_out_does_not_move_a_schedule_at_a_clock_change() -> None:
    for after in (at(2025, 3, 8, 12), at(2025, 11, 1, 12)):
        five = next_fires("30 2 * * *", timezone="America/New_York", after=after, count=3)
        assert next_fires("0 30 2 * * *", timezone="America/New_York", after=after, count=3) == five


def test_where_the_clock_goes_back_half_an_hour_no_fire_is_dropped_and_none_raises() -> None:
    lord_howe = fires("0 */2 * * *", "Australia/Lord_Howe", at(2025, 4, 5, 12), 3)
    assert lord_howe == ["06 00:00+1100", "06 02:00+1030", "06 04:00+1030"]
    chatham = fires("0 */2 * * *", "Pacific/Chatham", at(2025, 4, 5, 9), 4)
    assert chatham == ["06 00:00+1345", "06 02:00+1345", "06 04:00+1245", "06 06:00+1245"]


def test_a_day_that_never_was_is_made_up_for_when_the_next_begins() -> None:
    assert fires("0 12 * * *", "Pacific/Apia", at(2011, 12, 29), 3) == [
        "29 12:00-1000",
        "31 00:00+1400",
        "31 12:00+1400",
    ]


def test_days_of_month_and_week_are_either_or_unless_one_is_a_star() -> None:
    both = next_fires("0 0 13 * 5", after=at(2026, 1, 1), count=4)
    assert [due.day for due in both] == [2, 9, 13, 16]
    assert [due.day for due in next_fires("0 0 */2 * 5", after=at(2026, 1, 1), count=3)] == [9, 23, 13]


def test_a_range_of_one_with_a_step_is_that_one() -> None:
    assert parse("5-5/15 23-23/24 * * *").text == "5 23 * * *"
    assert [due.minute for due in next_fires("5-5/15,7 * * * *", after=at(2026, 1, 1), count=3)] == [5, 7, 5]


def test_a_year_of_a_minutely_task_is_counted_without_replaying_it() -> None:
    spec = parse("* * * * *", timezone="Europe/Berlin")
    began = time.perf_counter()
    assert missed_between(spec, first=at(2025, 1, 1), until=at(2026, 1, 1)) == (365 * 1440, at(2026, 1, 1))
    every_second = parse("* * * * * *")
    assert missed_between(every_second, first=at(1990, 1, 1), until=at(2026, 1, 1, 0, 0, 5))[1] == at(
        2026, 1, 1, 0, 0, 5
    )
    assert time.perf_counter() - began < 1


def test_a_count_is_limited_but_the_last_instant_is_not() -> None:
    spec = parse("every minute")
    assert missed_between(spec, first=at(2026, 1, 1), until=at(2026, 1, 2), limit=100) == (100, at(2026, 1, 2))
    hourly = parse("hourly")
    assert missed_between(hourly, first=at(2026, 1, 1), until=at(2026, 1, 2), limit=5) == (5, at(2026, 1, 2))


def test_the_latest_fires_of_a_long_outage_are_found_quickly() -> None:
    spec = parse("0 9 * * MON", timezone="Europe/Berlin")
    began = time.perf_counter()
    found = latest_fires(spec, after=at(2000, 1, 1), until=at(2026, 1, 1), count=100)
    assert len(found) == 100 and found[-1] == at(2025, 12, 29, 8) and found[0] == at(2024, 2, 5, 8)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("expr", ["0 0 29 2 *", "0 0 * 2 MON#5", "59 59 23 31 12 SUN", "* * 29 2 1"])
def test_rare_expressions_are_answered_quickly(expr: str) -> None:
    began = time.perf_counter()
    assert next_fire(parse(expr, timezone="Europe/Berlin"), after=at(2025, 3, 1)) is not None
    assert time.perf_counter() - began < 0.05


def test_the_end_of_the_calendar_is_no_fire_rather_than_an_error() -> None:
    end = datetime(9999, 12, 31, 23, 59, 30, tzinfo=UTC)
    assert next_fire(parse("every day"), after=end) is None
    assert next_fire(parse("0 0 * * *"), after=end) is None


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="after has no time zone"):
        next_fire(parse("daily"), after=datetime(2026, 1, 1))


def test_answers_do_not_depend_on_the_zone_the_question_is_put_in() -> None:
    spec: Spec = parse("daily at 9:00", timezone="Europe/Berlin")
    tokyo = at(2026, 1, 1).astimezone(ZoneInfo("Asia/Tokyo"))
    assert next_fire(spec, after=tokyo) == next_fire(spec, after=at(2026, 1, 1)) == at(2026, 1, 1, 8)
