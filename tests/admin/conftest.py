"""People who look at the admin, and executions for them to look at."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tasks_app.engine import trigger
from tasks_app.models import Execution, TaskDefinition
from tests.river import drain

LARGE = (
    "fleet_execution",
    "fleet_logline",
    "fleet_transition",
    "fleet_attempt",
    "fleet_occurrence",
    "fleet_schedule",
    "django_celery_results_taskresult",
    "django_celery_beat_periodictask",
)
_BOUND = re.compile(r"\slimit\s|\"(batch_id|workflow_id)\" = '")
_NAMED = re.compile(rf"\b({'|'.join(LARGE)})\b")


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    cache.clear()
    yield


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create(username="boss", is_staff=True, is_superuser=True)


@pytest.fixture
def page(boss: User) -> Client:
    """The boss's browser."""
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def guest(db: None) -> Callable[..., Client]:
    """guest("view_execution", …): staff with just these permissions."""

    def make(*codenames: str) -> Client:
        user = User.objects.create(username=f"guest{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def ran(define: Callable[..., TaskDefinition]) -> Callable[..., Execution]:
    """ran(**config): a task of that config, run to its end in this process."""

    def make(**config: Any) -> Execution:
        task = define(config=config, max_retries=config.pop("max_retries", 0))
        execution = trigger.trigger(task)
        drain(hurry=True)
        execution.refresh_from_db()
        return execution

    return make


def url(model: str, what: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:tasks_app_{model}_{what}", args=args)


def text(answer: Any) -> str:
    """A page as a person reads it: no tags, no runs of space."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


@contextmanager
def cheap(most: int) -> Iterator[CaptureQueriesContext]:
    """At most so many statements, none of which counts a large table or lists its distinct values.

    A count may read up to a limit, or the members of one batch or run by their index.
    """
    with CaptureQueriesContext(connection) as seen:
        yield seen
    assert len(seen) <= most, "\n".join(query["sql"] for query in seen.captured_queries)
    for query in seen.captured_queries:
        sql = query["sql"].lower()
        if _NAMED.search(sql):
            assert "select distinct" not in sql and "distinct on" not in sql, sql
            assert "count(" not in sql or _BOUND.search(sql), sql
