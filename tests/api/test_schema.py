"""The API describes itself truthfully, and its pages ask no other host for anything."""

import re
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.urls import get_resolver
from rest_framework.test import APIClient

from tasks_app.api.v1.task_shapes import READ_ONLY, EdgeShape, ScheduleShape, TaskShape
from tasks_app.engine.drafts import DependencyDraft, Draft, ScheduleDraft


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", "--fail-on-warn", "--validate", stdout=out)
    return yaml.safe_load(out.getvalue())


def test_the_schema_is_valid_and_raises_no_warning(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1") and len(schema["paths"]) > 30


def test_every_operation_says_how_it_refuses(schema: dict[str, Any]) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert "default" in operation["responses"], (method, path)


@pytest.mark.parametrize(
    "path",
    ["tasks/", "tasks/bulk/", "tasks/{id}/execute/", "tasks/{id}/clone/", "executions/{id}/retry/", "executions/bulk/",
     "batches/", "batches/{id}/retry-failed/", "workflows/", "dependencies/", "templates/{id}/adopt/"],
)  # fmt: skip
def test_what_creates_something_takes_an_idempotency_key(schema: dict[str, Any], path: str) -> None:
    parameters = schema["paths"][f"/api/v1/{path}"]["post"]["parameters"]
    assert "Idempotency-Key" in [parameter["name"] for parameter in parameters]


def test_bodies_are_described_as_they_may_be_sent(schema: dict[str, Any]) -> None:
    parts = schema["components"]["schemas"]
    new = parts["NewTask"]
    assert set(new["required"]) == {"name", "task_type"} and new["additionalProperties"] is False
    dependency = new["properties"]["dependencies"]["items"]["anyOf"]
    assert {"type": "string"} in dependency and {"$ref": "#/components/schemas/DependencyDraft"} in dependency
    assert "required" not in parts["TaskChanges"]


def test_filters_and_pages_are_described(schema: dict[str, Any]) -> None:
    named = {p["name"] for p in schema["paths"]["/api/v1/executions/"]["get"]["parameters"]}
    assert named == {
        "state", "task", "task_type", "cause", "batch", "workflow", "created_after", "created_before", "cursor",
        "page_size",
    }  # fmt: skip


def test_no_reference_leads_nowhere(schema: dict[str, Any]) -> None:
    known = schema["components"]["schemas"]
    lost = [ref for ref in references(schema) if ref.removeprefix("#/components/schemas/") not in known]
    assert not lost


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_address_is_described(schema: dict[str, Any]) -> None:
    described = {re.sub(r"\{\w+\}", "{}", path) for path in schema["paths"]}
    known = get_resolver("tasks_app.api.v1.urls").reverse_dict
    routes = {route for name in known if isinstance(name, str) for [(route, _)], *_ in known.getlist(name)}
    assert len(routes) > 30
    for route in {re.sub(r"%\(\w+\)s", "{}", route) for route in routes}:
        assert f"/api/v1/{route}" in described, route


def test_what_a_task_answers_can_be_sent_back() -> None:
    assert set(ScheduleShape._declared_fields) == set(ScheduleDraft.model_fields)
    assert set(EdgeShape._declared_fields) == set(DependencyDraft.model_fields)
    assert set(Draft.model_fields) <= set(TaskShape._declared_fields)
    assert set(READ_ONLY) == {
        "id", "version", "owner", "schedule_in_words", "next_due_at", "last_run", "created_at", "updated_at",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
def test_the_pages_ask_no_other_host_and_may_not(path: str) -> None:
    answer = APIClient().get(path, HTTP_ACCEPT="text/html")
    assert answer.status_code == 200
    html = answer.content.decode()
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", html)
    assert not re.findall(r"https?://(?!testserver)", html)
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "http" not in answer["Content-Security-Policy"]
    for asset in re.findall(r"""(?:src|href)="(/static/[^"]+)""", html):
        with closing(APIClient().get(asset)) as found:
            assert found.status_code == 200, asset


def test_the_schema_is_served_to_everybody() -> None:
    assert APIClient().get("/api/schema/").status_code == 200
