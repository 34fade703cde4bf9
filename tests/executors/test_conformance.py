"""Every built-in task type keeps to the contract, run against its real counterpart."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from executors import registry
from executors.contract import Context, Executor
from tests.executors import conformance
from tests.executors.cases import CASES, Around, Case
from tests.executors.runs import context_for
from tests.executors.wild import serving, silent

TYPES = sorted(registry.BUILT_IN)


@pytest.fixture(params=TYPES)
def executor(request: pytest.FixtureRequest) -> Executor[Any]:
    return registry.get(request.param)


@pytest.fixture
def case(executor: Executor[Any], httpserver: HTTPServer) -> Iterator[Case]:
    httpserver.expect_request("/ok").respond_with_json({"ok": True})
    httpserver.expect_request("/bad").respond_with_data("no", status=500)
    with serving(silent) as url:
        yield CASES[executor.task_type](Around(httpserver, url))


def context(executor: Executor[Any], case: Case, config: Any) -> Context[Any]:
    return context_for(executor.task_type, config, inputs=case.inputs)


def test_every_built_in_type_has_a_case() -> None:
    assert sorted(CASES) == TYPES


def test_it_introduces_itself(executor: Executor[Any]) -> None:
    conformance.introduces_itself(executor)


def test_its_schema_explains_each_field(executor: Executor[Any]) -> None:
    conformance.publishes_a_schema_that_explains_each_field(executor)
    conformance.takes_the_examples_of_its_schema(executor)


def test_its_config_is_accepted_in_both_spellings(executor: Executor[Any], case: Case) -> None:
    conformance.accepts_its_config_in_both_spellings(executor, case.good)


def test_an_unknown_field_is_refused(executor: Executor[Any], case: Case) -> None:
    conformance.refuses_what_it_does_not_know(executor, case.good)


def test_its_result_can_be_kept_and_a_second_run_is_like_the_first(executor: Executor[Any], case: Case) -> None:
    for _ in range(2):
        run = context(executor, case, case.good)
        result = conformance.gives_a_result_that_can_be_kept(executor, run)
        conformance.keeps_secrets_to_itself(result, run)


def test_its_failures_are_in_the_taxonomy(executor: Executor[Any], case: Case) -> None:
    conformance.fails_in_the_taxonomy(executor, context(executor, case, case.failing))


def test_it_ends_soon_when_it_is_told_to(executor: Executor[Any], case: Case) -> None:
    conformance.ends_soon_when_it_is_told_to(executor, context(executor, case, case.endless))


def test_it_ends_at_its_deadline(executor: Executor[Any], case: Case) -> None:
    conformance.ends_at_its_deadline(executor, context(executor, case, case.endless))


def test_no_executor_brings_in_the_framework_or_the_queue() -> None:
    look = (
        "import sys; from executors import registry; registry.available();"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = set(
        subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout.split()
    )
    assert "executors" in loaded
    assert loaded.isdisjoint({"django", "celery", "kombu", "billiard", "rest_framework", "tasks_app", "config"})
