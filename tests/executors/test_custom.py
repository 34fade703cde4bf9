"""custom: registered functions, their parameters and what they return."""

import threading
import time
from typing import Any

import pytest

from executors import registry
from executors.general import functions
from tests.executors.runs import context_for, failure, run

OURS = {"custom_modules": ["tests.executors.greetings"]}


def called(function: str, params: dict[str, Any] | None = None, **more: Any) -> Any:
    return run("custom", {"function": function, "params": params or {}}, **{"settings": OURS} | more)


@pytest.mark.parametrize("spelling", ["greet_person", "greetPerson", "greet-person", "GreetPerson"])
def test_one_function_has_many_spellings(spelling: str) -> None:
    assert called(spelling, {"firstName": "Ada"}).data == "Hello Ada!"


def test_parameters_are_typed_by_the_signature() -> None:
    assert called("greet_person", {"first_name": "Ada", "times": "2"}).data == "Hello Ada! Hello Ada!"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "params.first_name"),
        ({"firstName": "Ada", "times": 4}, "params.times"),
        ({"firstName": "Ada", "times": "s3cret"}, "params.times"),
        ({"firstName": "Ada", "tmes": 1}, "params.tmes"),
    ],
)
def test_parameters_that_do_not_fit_are_named(params: dict[str, Any], field: str) -> None:
    config = {"function": "greet_person", "params": params}
    found = failure("custom", config, settings=OURS)
    assert (found.kind, list(found.details["errors"])) == ("invalid_config", [field])
    assert field in found.message
    assert "s3cret" not in found.message
    checked = registry.get("custom").check(context_for("custom", config).config, settings=OURS)
    assert list(checked) == [field]


def test_an_async_function_that_takes_everything_as_params() -> None:
    result = called("myCustomTask", {"key": "value"})
    assert result.data == {"result": "success", "got": {"key": "value"}}


def test_a_function_may_take_a_model_and_the_context_and_return_a_result() -> None:
    result = called("pay", {"who": "Ada"})
    assert (result.summary, result.data, result.state) == (
        "Paid Ada 1 times",
        {"at": "2026-01-01T00:00:00"},
        {"paid": True},
    )
    assert failure("custom", {"function": "pay", "params": {"times": 1}}, settings=OURS).kind == "invalid_config"


def test_parameters_may_have_any_name() -> None:
    assert called("awkward", {"json": 1, "copy": "x", "self_": True}).data == [1, "x", True]


def test_upstream_results_fill_parameters_with_their_type() -> None:
    params = {"firstName": "{{ who.name }}", "times": "{{ who.n }}"}
    assert called("greet_person", params, inputs={"who": {"name": "Ada", "n": 2}}).data == "Hello Ada! Hello Ada!"


def test_parameters_with_placeholders_are_checked_only_when_they_are_filled() -> None:
    config = context_for("custom", {"function": "greet_person", "params": {"firstName": "{{ who.name }}"}}).config
    assert registry.get("custom").check(config, settings=OURS) == {}


def test_an_unknown_function_is_told_with_near_names() -> None:
    found = failure("custom", {"function": "gret_person"}, settings=OURS)
    assert (found.kind, "Did you mean 'greet_person'" in found.message) == ("invalid_config", True)
    config = context_for("custom", {"function": "gret_person"}).config
    assert "greet_person" in registry.get("custom").check(config, settings=OURS)["function"][0]


@pytest.mark.parametrize("function", ["os.system", "tests.executors.greetings.greet_person", "__import__", "json"])
def test_a_path_is_no_function(function: str) -> None:
    assert failure("custom", {"function": function}, settings=OURS).kind == "invalid_config"


def test_a_module_that_cannot_be_imported_is_the_operators_to_correct() -> None:
    found = failure("custom", {"function": "noop"}, settings={"custom_modules": ["no_such_module_at_all"]})
    assert (found.kind, "no_such_module_at_all" in found.message) == ("invalid_config", True)


def test_what_a_function_raises_is_classified() -> None:
    assert failure("custom", {"function": "breaks"}, settings=OURS).kind == "network_error"


def test_a_function_says_itself_whether_it_may_be_repeated() -> None:
    executor = registry.get("custom")
    functions.load(OURS["custom_modules"])
    assert executor.is_idempotent(context_for("custom", {"function": "greet_person"}).config)
    assert not executor.is_idempotent(context_for("custom", {"function": "pay"}).config)


def test_two_functions_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="Two functions"):

        @functions.custom_function(name="No-Op")
        def another() -> None: ...


def test_a_function_whose_parameters_cannot_be_named_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot be given by name"):

        @functions.custom_function
        def many(*values: int) -> None: ...


def test_a_registered_function_can_still_be_called_directly() -> None:
    from tests.executors.greetings import greet_person

    assert greet_person(first_name="Ada") == "Hello Ada!"


def test_parameters_have_a_schema() -> None:
    functions.load(OURS["custom_modules"])
    schema = functions.find("greet_person").params_schema()
    assert schema["properties"]["times"]["maximum"] == 3
    assert schema["required"] == ["first_name"]
    assert functions.find("myCustomTask").params_schema() == {"type": "object"}


def test_the_specifications_examples_run() -> None:
    config = {"function": "processData", "params": {"source": "database", "target": "cache"}}
    assert registry.validate_config("custom", config) == config
    assert run("custom", config).data["processed"] == 0


def test_process_data_carries_records_from_one_run_to_the_next() -> None:
    kept = called(
        "process_data", {"source": "load", "target": "database", "select": "rows"}, inputs={"load": {"rows": [1, 2]}}
    )
    assert (kept.data["processed"], kept.items_processed) == (2, 2)
    later = called("processData", {"source": "database", "target": "cache"}, state={"other": 1, **kept.state})
    assert later.data["records"] == [1, 2]
    assert later.state == {"other": 1, "process_data": {"database": [1, 2], "cache": [1, 2]}}
    assert called("process_data", {"source": "inputs"}, inputs={"a": 1}).state is None


@pytest.mark.parametrize(
    "params", [{"source": "nowhere"}, {"source": "inputs", "target": "moon"}, {"source": "inputs", "select": "["}]
)
def test_process_data_names_what_it_does_not_know(params: dict[str, Any]) -> None:
    assert failure("custom", {"function": "process_data", "params": params}).kind == "invalid_config"


@pytest.mark.parametrize(
    ("operation", "value"),
    [("sum", 6), ("mean", 3), ("min", 2), ("max", 4), ("count", 2), ("collect", {"a": 2, "b": 4})],
)
def test_results_are_aggregated(operation: str, value: Any) -> None:
    params = {"operation": operation, "select": "n"}
    assert called("aggregate_results", params, inputs={"a": {"n": 2}, "b": {"n": 4}}).data["value"] == value


def test_results_are_merged() -> None:
    assert called("aggregateResults", {"operation": "merge"}, inputs={"a": {"x": 1}, "b": {"y": 2}}).data["value"] == {
        "x": 1,
        "y": 2,
    }


def test_a_sum_of_what_is_no_number_is_refused() -> None:
    found = failure("custom", {"function": "aggregate_results", "params": {"operation": "sum"}}, inputs={"a": {"n": 2}})
    assert (found.kind, "select" in found.message) == ("invalid_config", True)


def test_noop_does_nothing() -> None:
    result = called("noop")
    assert (result.data, result.state, result.items_processed) == (None, None, 0)


def test_sleep_waits_reports_progress_and_can_be_stopped() -> None:
    shares: list[float] = []
    begun = time.monotonic()
    called("sleep", {"seconds": 0.3}, progress=shares.append)
    assert 0.3 <= time.monotonic() - begun < 8
    assert shares == sorted(shares)
    assert len(shares) >= 2
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    assert (
        failure("custom", {"function": "sleep", "params": {"seconds": 60}}, should_stop=stop.is_set).kind == "stopped"
    )
