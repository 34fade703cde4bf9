"""Acceptance tests run real processes; a clean broker for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings

from tests.fleet import Fleet


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.ENV.broker_url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def fleet(transactional_db: None, broker: redis.Redis, tmp_path: Path) -> Iterator[Fleet]:
    found = Fleet(tmp_path)
    yield found
    found.end()
