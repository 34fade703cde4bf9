"""Cron expressions as people use them in public: each is read, or refused with a reason one agrees with."""

import re
from datetime import UTC, datetime

import pytest

from tasks_app.domain.schedules import ScheduleError, describe, next_fires, parse

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)

# The first fire after New Year 2026, one expression of each shape.
IN_USE = [
    ("0 5 * * *", "2026-01-01 05:00:00"),
    ("*/5 * * * *", "2026-01-01 00:05:00"),
    ("0 * * * *", "2026-01-01 01:00:00"),
    ("* * * * *", "2026-01-01 00:01:00"),
    ("0 9 * * 1", "2026-01-05 09:00:00"),
    ("0 0 17 * * *", "2026-01-01 17:00:00"),
    ("*/30 7-19 * * 1-5", "2026-01-01 07:00:00"),
    ("0 */6 * * *", "2026-01-01 06:00:00"),
    ("05 15-23 * * 1-5", "2026-01-01 15:05:00"),
    ("41 3-23/8 * * *", "2026-01-01 03:41:00"),
    ("1 * 1 * *", "2026-01-01 00:01:00"),
    ("*/10 7-20 * * *", "2026-01-01 07:00:00"),
    ("0 2 1 * *", "2026-01-01 02:00:00"),
    ("0 6,18 * * *", "2026-01-01 06:00:00"),
    ("0 8 * * 6,0", "2026-01-03 08:00:00"),
    ("0 8-16/2 * * 1-5", "2026-01-01 08:00:00"),
    ("0 9 * * MON", "2026-01-05 09:00:00"),
    ("45 04,10,16,22 * * *", "2026-01-01 04:45:00"),
    ("*/5 * * * * *", "2026-01-01 00:00:05"),
    ("0 0 * 1 0", "2026-01-04 00:00:00"),
    ("0 1/6 * * *", "2026-01-01 01:00:00"),
    ("0 7 * * 1-5", "2026-01-01 07:00:00"),
    ("9 9 2/2 * *", "2026-01-02 09:09:00"),
    ("* * * * 2#3", "2026-01-20 00:00:00"),
    ("0 0 1 2,5,8,11 *", "2026-02-01 00:00:00"),
    ("0 12 * * 1,3,5", "2026-01-02 12:00:00"),
    ("0 4 * * sun", "2026-01-04 04:00:00"),
    ("0-5,10 * * * mon-fri", "2026-01-01 00:01:00"),
    ("09 8-17 * * *", "2026-01-01 08:09:00"),
    ("1 17 1-31/2 * *", "2026-01-01 17:01:00"),
    ("1 7 * * 0,1,3,5", "2026-01-02 07:01:00"),
    ("3,23,43 * * * *", "2026-01-01 00:03:00"),
    ("* * * * * *", "2026-01-01 00:00:01"),
    ("*/15 * * * *", "2026-01-01 00:15:00"),
    ("14 16-23/24 * * *", "2026-01-01 16:14:00"),
]

REFUSED = [
    ("0 0 31 2 *", "No date fits"),
    ("0 0 * * * */15", "A step of 15 never comes round"),
    ("45 23 * * 6 2067", "A year is not a field"),
    ("0 1 0 1/1 * ? *", "A year is not a field"),
    ("0 0 3/6 * * ? *", "A year is not a field"),
    ("* * * * * ?", "here it is '*'"),
    ("0 0/15 * * * ?", "here it is '*'"),
    ("0 0 * ? * *", "here it is '*'"),
]


@pytest.mark.parametrize(("expr", "first"), IN_USE)
def test_an_expression_in_use_fires_when_cron_would(expr: str, first: str) -> None:
    assert f"{next_fires(expr, after=NEW_YEAR, count=1)[0]:%Y-%m-%d %H:%M:%S}" == first
    assert describe(expr).endswith("(UTC)")


@pytest.mark.parametrize(("expr", "reason"), REFUSED)
def test_an_expression_of_another_dialect_is_refused_with_a_reason_and_its_translation(expr: str, reason: str) -> None:
    with pytest.raises(ScheduleError, match=re.escape(reason)) as refused:
        parse(expr)
    assert next_fires(refused.value.suggestion, after=NEW_YEAR, count=1)
