"""People and their clients, and short ways to write tasks over the API."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from rest_framework.test import APIClient

API = "/api/v1"


@pytest.fixture(autouse=True)
def _nobody_has_asked_before() -> Iterator[None]:
    cache.clear()
    yield


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Hashing slowly is for real passwords."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def person(db: None) -> Callable[..., User]:
    """person("ada", staff=False)"""

    def make(name: str, *, staff: bool = False) -> User:
        return User.objects.create_user(name, password=f"{name}-has-a-password", is_staff=staff)

    return make


@pytest.fixture
def client_of() -> Callable[[User], APIClient]:
    """A client that is logged in as somebody. What a test does not expect raises instead of answering 500."""

    def make(user: User) -> APIClient:
        client = APIClient()
        client.force_authenticate(user)
        return client

    return make


@pytest.fixture
def ada(person: Callable[..., User]) -> User:
    return person("ada")


@pytest.fixture
def bob(person: Callable[..., User]) -> User:
    return person("bob")


@pytest.fixture
def root(person: Callable[..., User]) -> User:
    return person("root", staff=True)


@pytest.fixture
def api(ada: User, client_of: Callable[[User], APIClient]) -> APIClient:
    """Ada's client."""
    return client_of(ada)


@pytest.fixture
def write(api: APIClient) -> Callable[..., dict[str, Any]]:
    """write("name", **fields): Ada's task, through the API."""

    def make(name: str, **fields: Any) -> dict[str, Any]:
        answer = api.post(f"{API}/tasks/", {"task_type": "append", "name": name, **fields})
        assert answer.status_code == 201, answer.json()
        return answer.json()

    return make


def error(answer: Any, status: int) -> dict[str, Any]:
    """The error of an answer, which has the one shape."""
    assert answer.status_code == status, (answer.status_code, getattr(answer, "data", answer.content))
    body = answer.json()
    assert set(body) == {"error"}, body
    assert set(body["error"]) == {"code", "message", "fields"}, body
    assert body["error"]["code"] and body["error"]["message"], body
    assert all(isinstance(messages, list) and messages for messages in body["error"]["fields"].values()), body
    return body["error"]
