"""Random requests to every address: whatever comes, no answer is a failure of the server."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import get_resolver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from tasks_app.api.v1 import wishes, written
from tasks_app.engine.reading import Body
from tests.api.conftest import API, error

pytestmark = pytest.mark.django_db
UNKNOWN = "00000000-0000-7000-8000-000000000000"
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from([UNKNOWN, "append", "daily", "success", "9999-12-31T23:59:59-14:00", "\x00", ""]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
BODIES: dict[str, type[Body]] = {
    "tasks/": written.NewTask,
    "tasks/bulk/": written.BulkTasks,
    "batches/": wishes.StartBatch,
    "workflows/": wishes.StartWorkflow,
    "executions/bulk/": wishes.ManyExecutions,
    "dependencies/": wishes.NewDependency,
    "schedules/preview/": wishes.Preview,
    "auth/token/": wishes.Credentials,
    "auth/token/verify/": wishes.AnyToken,
    "auth/token/refresh/": wishes.RefreshToken,
}
QUIETLY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def bodies(model: type[Body]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the known fields with any value, and good values for some of those that are needed."""
    good = {"name": st.text(min_size=1, max_size=9), "task_type": st.just("append"), "schedule": st.just("daily")}
    fields = {name: good.get(name, ANYTHING) | ANYTHING for name in model.model_fields}
    return st.fixed_dictionaries({}, optional=fields)


@pytest.mark.parametrize("path", BODIES)
def test_no_body_breaks_the_server(api: APIClient, path: str) -> None:
    @QUIETLY
    @given(body=bodies(BODIES[path]) | ANYTHING)
    def send(body: Any) -> None:
        answer = api.post(f"{API}/{path}", body)
        assert answer.status_code in (200, 201, 202, 400, 401, 409, 429), answer.content
        if answer.status_code >= 400:
            error(answer, answer.status_code)

    send()


@pytest.mark.parametrize("changes", ["put", "patch"])
def test_no_edit_breaks_the_server(api: APIClient, changes: str) -> None:
    task = api.post(f"{API}/tasks/", {"name": "t", "task_type": "append"}).json()

    @QUIETLY
    @given(body=bodies(written.NewTask) | ANYTHING)
    def send(body: Any) -> None:
        answer = getattr(api, changes)(f"{API}/tasks/{task['id']}/", body)
        assert answer.status_code in (200, 400, 409), answer.content

    send()


@pytest.mark.parametrize(
    "kind", ["tasks", "executions", "batches", "workflows", "schedules", "dependencies", "templates"]
)
def test_no_query_breaks_the_server(api: APIClient, kind: str) -> None:
    names = [
        "cursor",
        "page_size",
        "state",
        "task",
        "created_after",
        "due_before",
        "search",
        "tag",
        "status",
        "category",
    ]

    @QUIETLY
    @given(query=st.dictionaries(st.sampled_from(names) | st.text(max_size=5), st.text(max_size=30), max_size=3))
    def ask(query: dict[str, str]) -> None:
        answer = api.get(f"{API}/{kind}/", query)
        assert answer.status_code in (200, 400), answer.content

    ask()


def test_options_and_head_are_answered_everywhere(api: APIClient, ada: User) -> None:
    known = get_resolver("tasks_app.api.v1.urls").reverse_dict
    for name in (name for name in known if isinstance(name, str)):
        [(route, parameters)], *_ = known.getlist(name)[0]
        path = route % dict.fromkeys(parameters, UNKNOWN if "schedule" not in name and "depend" not in name else "1")
        for method in ("options", "head"):
            assert getattr(api, method)(f"{API}/{path}").status_code in (200, 404, 405), (method, path)
