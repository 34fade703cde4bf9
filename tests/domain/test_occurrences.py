"""What becomes of due instants."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks_app.domain.occurrences import Backlog, CatchUp, Cause, Gap, Overlap, Plan, Run, decide, punctuality

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def minutely(count: int, *, until: datetime = NOON) -> list[datetime]:
    return [until - MINUTE * back for back in range(count - 1, -1, -1)]


def plan(due: Any, **values: Any) -> Plan:
    values = {"now": NOON + timedelta(seconds=5), "misfire_window": MINUTE, **values}
    return decide(due, **values)


def causes(result: Plan) -> list[tuple[datetime, str]]:
    return [(run.due_at, run.cause.value) for run in result.runs]


def test_what_is_due_now_runs_on_schedule() -> None:
    assert plan([NOON]) == Plan((Run(NOON, Cause.SCHEDULE),))
    assert plan([]) == Plan()


def test_a_stall_shorter_than_the_misfire_window_throws_nothing_away() -> None:
    due = [NOON - timedelta(seconds=10 * back) for back in range(5, -1, -1)]
    assert causes(plan(due)) == [(instant, "schedule") for instant in due]


def test_the_edge_of_the_window_still_runs_and_a_moment_later_it_is_missed() -> None:
    late: dict[str, Any] = {"catch_up": "none", "now": NOON + MINUTE}
    assert causes(plan([NOON], **late)) == [(NOON, "schedule")]
    late["now"] += timedelta(microseconds=1)
    assert plan([NOON], **late) == Plan(missed=(Gap(NOON, NOON, 1, "scheduler down"),))


def test_after_an_outage_none_runs_none_and_records_one_gap() -> None:
    due = minutely(100, until=NOON - 5 * MINUTE)
    assert plan(due, catch_up="none") == Plan(missed=(Gap(due[0], due[-1], 100, "scheduler down"),))


def test_after_an_outage_latest_runs_the_newest_once() -> None:
    due = minutely(100, until=NOON - 5 * MINUTE)
    result = plan(due)
    assert causes(result) == [(due[-1], "catch_up")]
    assert result.missed == (Gap(due[0], due[-2], 99, "scheduler down"),)


def test_latest_catches_nothing_up_when_the_next_is_due_anyway() -> None:
    due = minutely(10)
    result = plan(due)
    assert causes(result) == [(NOON, "schedule")]
    assert result.missed == (Gap(due[0], due[-2], 9, "scheduler down"),)


def test_all_runs_as_many_as_allowed_the_newest_kept_the_oldest_first() -> None:
    due = minutely(10)
    result = plan(due, catch_up="all", limit=3)
    assert causes(result) == [*((instant, "catch_up") for instant in due[6:9]), (NOON, "schedule")]
    assert result.missed == (Gap(due[0], due[5], 6, "scheduler down"),)
    assert causes(plan(due, catch_up="all", limit=3, newest_first=True)) == causes(result)[::-1]
    assert plan(due, catch_up="all").missed == ()


def test_a_year_of_a_minutely_task_is_planned_from_its_ends() -> None:
    count = 365 * 1440
    due = Backlog(NOON - MINUTE * (count - 1), NOON, count, tuple(minutely(5)))
    result = plan(due, catch_up="all", limit=3)
    assert len(result.runs) == 4
    assert result.missed == (Gap(due.first, NOON - 4 * MINUTE, count - 4, "scheduler down"),)


@pytest.mark.parametrize(
    "values",
    [
        {"recent": ()},
        {"recent": (NOON - MINUTE,)},
        {"count": 1, "recent": (NOON - MINUTE, NOON)},
        {"count": 2, "recent": (NOON - MINUTE, NOON)},
        {"count": 3, "recent": (NOON - 5 * MINUTE, NOON)},
    ],
)
def test_a_backlog_that_contradicts_itself_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="recent"):
        Backlog(**{"first": NOON - 5 * MINUTE, "last": NOON, "count": 6, **values})


def test_a_backlog_that_does_not_reach_back_far_enough_is_refused_rather_than_guessed() -> None:
    due = Backlog(NOON - MINUTE * 99, NOON, 100, tuple(minutely(3)))
    with pytest.raises(ValueError, match="reach back"):
        plan(due, catch_up="all", limit=3)


ON_TIME = [NOON - timedelta(seconds=20), NOON - timedelta(seconds=10), NOON]


@pytest.mark.parametrize(
    ("overlap", "running", "waiting", "kept"),
    [
        ("allow", 1, 1, 3),
        ("queue", 1, 1, 3),
        ("skip", 0, 0, 1),
        ("skip", 1, 0, 0),
        ("skip", 0, 1, 0),
        ("queue_one", 0, 0, 2),
        ("queue_one", 1, 0, 1),
        ("queue_one", 1, 1, 0),
        ("queue_one", 0, 1, 0),
        ("cancel", 0, 0, 1),
        ("cancel", 1, 0, 1),
    ],
)
def test_runs_are_held_against_what_is_under_way(overlap: str, running: int, waiting: int, kept: int) -> None:
    result = plan(ON_TIME, overlap=overlap, running=running, waiting=waiting)
    assert [run.due_at for run in result.runs] == ON_TIME[3 - kept :]
    left = ON_TIME[: 3 - kept]
    assert result.missed == ((Gap(left[0], left[-1], len(left), "overlap"),) if left else ())
    assert result.cancel_running is (overlap == "cancel" and running > 0)


@given(
    offsets=st.sets(st.integers(0, 5000), max_size=40),
    catch_up=st.sampled_from(CatchUp),
    limit=st.integers(0, 50),
    overlap=st.sampled_from(Overlap),
    running=st.integers(0, 2),
    waiting=st.integers(0, 2),
    window=st.integers(0, 5000),
)
def test_every_instant_runs_or_is_in_exactly_one_gap(
    offsets: set[int], catch_up: CatchUp, limit: int, overlap: str, running: int, waiting: int, window: int
) -> None:
    due = [NOON - timedelta(seconds=seconds) for seconds in sorted(offsets, reverse=True)]
    values: dict[str, Any] = {
        "now": NOON,
        "misfire_window": timedelta(seconds=window),
        "catch_up": catch_up,
        "limit": limit,
        "overlap": overlap,
        "running": running,
        "waiting": waiting,
    }
    result = decide(due, **values)
    covered = [run.due_at for run in result.runs]
    for gap in result.missed:
        inside = [instant for instant in due if gap.first <= instant <= gap.last]
        assert len(inside) == gap.count
        covered += inside
    assert sorted(covered) == due
    assert [run.due_at for run in result.runs] == sorted(run.due_at for run in result.runs)
    assert sum(run.cause is Cause.CATCH_UP for run in result.runs) <= {"none": 0, "latest": 1, "all": limit}[catch_up]
    for run in result.runs:
        assert (run.cause is Cause.SCHEDULE) == (NOON - run.due_at <= values["misfire_window"])
    if due:
        kept = min(len(due), max(limit, 1) + 1 + sum(offset <= window for offset in offsets))
        short = Backlog(due[0], due[-1], len(due), tuple(due[len(due) - kept :]))
        assert decide(short, **values) == result


@pytest.mark.parametrize(
    ("began", "now", "flag"),
    [
        (None, 120, "waiting"),
        (None, 121, "missed"),
        (119, 500, "on_time"),
        (120, 500, "on_time"),
        (121, 500, "late"),
    ],
)
def test_an_occurrence_is_flagged_by_its_grace(began: Any, now: Any, flag: str) -> None:
    began_at = None if began is None else NOON + timedelta(seconds=began)
    grace = timedelta(seconds=120)
    assert punctuality(NOON, began_at=began_at, now=NOON + timedelta(seconds=now), grace=grace) == flag
