"""Logging in with tokens, and how often one may ask."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.api.conftest import API, error

pytestmark = pytest.mark.django_db
PASSWORD = "ada-has-a-password"


def log_in(**fields: Any) -> Any:
    return APIClient().post(f"{API}/auth/token/", {"username": "ada", "password": PASSWORD, **fields})


def test_a_token_opens_the_api_and_is_refreshed_and_verified(ada: User) -> None:
    pair = log_in().json()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    assert client.get(f"{API}/tasks/").status_code == 200
    fresh = APIClient().post(f"{API}/auth/token/refresh/", {"refresh": pair["refresh"]}).json()["access"]
    assert APIClient().post(f"{API}/auth/token/verify/", {"token": fresh}).json() == {"valid": True}


@pytest.mark.parametrize("fields", [{"password": "wrong"}, {"username": "nobody"}, {"password": f" {PASSWORD}"}])
def test_wrong_credentials_are_401_and_say_no_more(ada: User, fields: dict[str, Any]) -> None:
    refused = error(log_in(**fields), 401)
    assert refused["fields"] == {} and PASSWORD not in refused["message"]


def test_an_inactive_person_gets_no_token(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    error(log_in(), 401)


@pytest.mark.parametrize("fields", [{"password": ""}, {"username": 5}, {"username": "a\x00"}, {"remember": True}])
def test_malformed_credentials_are_400(ada: User, fields: dict[str, Any]) -> None:
    refused = error(log_in(**fields), 400)
    assert set(refused["fields"]) == set(fields)


@pytest.mark.parametrize("token", ["x", "a.b.c", "é" * 50, "." * 3000])
@pytest.mark.parametrize(("path", "field"), [("refresh", "refresh"), ("verify", "token")])
def test_tokens_that_are_none_are_401(db: None, token: str, path: str, field: str) -> None:
    error(APIClient().post(f"{API}/auth/token/{path}/", {field: token}), 401)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}".encode().decode("latin-1"))
    error(client.get(f"{API}/tasks/"), 401)


def test_the_token_of_somebody_who_is_gone_is_401(ada: User) -> None:
    pair = log_in().json()
    ada.delete()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    error(client.get(f"{API}/tasks/"), 401)
    error(APIClient().post(f"{API}/auth/token/refresh/", {"refresh": pair["refresh"]}), 401)


def rates(settings: Any, **changes: str) -> None:
    given = settings.REST_FRAMEWORK
    settings.REST_FRAMEWORK = {**given, "DEFAULT_THROTTLE_RATES": {**given["DEFAULT_THROTTLE_RATES"], **changes}}


def test_who_asks_too_often_is_429_with_a_time_to_come_back(
    api: APIClient, bob: User, client_of: Callable[[User], APIClient], settings: Any
) -> None:
    rates(settings, user="3/min")
    answers = [api.get(f"{API}/workers/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert error(answers[-1], 429)["code"] == "throttled"
    assert 1 <= int(answers[-1]["Retry-After"]) <= 20
    assert client_of(bob).get(f"{API}/workers/").status_code == 200, "each person has a limit of their own"


def test_guessing_passwords_is_limited_by_address_whatever_the_headers_say(ada: User, settings: Any) -> None:
    rates(settings, token="2/min")
    client = APIClient()
    answers = [
        client.post(f"{API}/auth/token/", {"username": "ada", "password": "no"}, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}")
        for n in range(3)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 429]


def test_health_answers_strangers() -> None:
    assert APIClient().get("/health/live").json() == {"status": "ok"}
    ready = APIClient().get("/health/ready/")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "database": "ok", "broker": "ok"})
    assert "no-store" in ready["Cache-Control"]
    assert APIClient().post("/health/live", {}).status_code == 405


def test_a_broker_that_is_away_is_503(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks_app.queries import health

    monkeypatch.setattr(health, "broker_answers", lambda: False)
    ready = APIClient().get("/health/ready")
    assert (ready.status_code, ready.json()["broker"]) == (503, "unavailable")
