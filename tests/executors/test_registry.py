"""Finding executors: the built-in ones, installed ones, named ones, and the ones that are not there."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pydantic
import pytest

from executors import registry
from executors.contract import Config, Context, Executor, Result

BUILT_IN = {"script", "api_call", "webhook", "custom", "notification"}


class Nothing(Config):
    pass


class Price(Executor[Nothing]):
    """A type whose name has a dash."""

    task_type: ClassVar[str] = "price-alert"
    title: ClassVar[str] = "Price"
    description: ClassVar[str] = "Price"
    category: ClassVar[str] = "finance"
    config_model = Nothing

    def run(self, context: Context[Nothing]) -> Result:
        return Result("done")


class Needy(Price):
    task_type: ClassVar[str] = "needy"
    requires: ClassVar[tuple[str, ...]] = ("no_such_module_here.inner",)


class Broken(Price):
    task_type: ClassVar[str] = "broken"

    def __init__(self) -> None:
        raise RuntimeError("half installed")


class Thief(Price):
    task_type: ClassVar[str] = "apiCall"


HERE = "tests.executors.test_registry"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    paths, slugs = dict(registry._paths), dict(registry._slugs)
    yield
    registry._paths.clear()
    registry._slugs.clear()
    registry._paths.update(paths)
    registry._slugs.update(slugs)
    registry.get.cache_clear()


def test_the_general_family_is_built_in_and_available() -> None:
    assert set(registry.all_types()) >= BUILT_IN
    assert set(registry.available()) >= BUILT_IN


@pytest.mark.parametrize("spelling", ["price-alert", "price_alert", "priceAlert", "PriceAlert", "PRICE_ALERT"])
def test_one_type_has_many_spellings(spelling: str) -> None:
    registry.load([f"{HERE}:Price"])
    assert registry.slug_of(spelling) == "price-alert"
    assert isinstance(registry.get(spelling), Price)


def test_one_instance_serves_a_process() -> None:
    assert registry.get("script") is registry.get("script")


def test_an_unknown_type_is_told_with_near_names() -> None:
    with pytest.raises(registry.UnknownTaskType, match="Did you mean 'webhook'") as refused:
        registry.get("webhok")
    assert refused.value.near == ("webhook",)
    assert isinstance(refused.value, LookupError)


def test_a_type_whose_extra_is_missing_is_known_but_not_available() -> None:
    registry.load([f"{HERE}:Needy"])
    assert "needy" in registry.all_types()
    assert "needy" not in registry.available()
    assert "no_such_module_here" in registry.unavailable()["needy"]
    with pytest.raises(registry.TaskTypeUnavailable):
        registry.get("needy")


def test_a_broken_package_does_not_take_the_others_with_it() -> None:
    registry.load([f"{HERE}:Broken"])
    assert registry.unavailable() == {"broken": "RuntimeError: half installed"}
    assert set(registry.available()) >= BUILT_IN


def test_a_type_whose_module_cannot_be_imported_is_known_but_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.delitem(sys.modules, "executors.general.notification")
    registry.load()
    assert "notification" in registry.all_types()
    assert set(registry.unavailable()) == {"notification"}


def test_an_installed_package_brings_types_by_its_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[taskfleet.executors]\nprice-alert = {HERE}:Price\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry.load()
    assert isinstance(registry.get("price_alert"), Price)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no.such.module:Thing", "no.such.module"),
        ("executors.errors:Stopped", "not an Executor class"),
        ("executors.errors:Nothing", "not an Executor class"),
        ("executors.errors", "package.module:Class"),
        (f"{HERE}:Thief", "claimed"),
    ],
)
def test_an_operators_mistake_is_found_at_start(path: str, said: str) -> None:
    with pytest.raises(registry.RegistryError, match=said):
        registry.load([path])


def test_a_valid_config_comes_back_with_what_was_given_under_published_names() -> None:
    given = {"command": "node", "stdout_file": "/tmp/x", "env": {"A": {"$secret": "N"}}, "limits": {"output_kb": 2}}
    assert registry.validate_config("script", given) == {
        "command": "node",
        "stdoutFile": "/tmp/x",
        "env": {"A": {"$secret": "N"}},
        "limits": {"outputKb": 2},
    }


def test_a_refused_config_is_told_by_field_without_repeating_what_was_sent() -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        registry.validate_config("script", {"comand": "s3cret-node", "limits": {"outputKb": "s3cret"}, "cwd": 5})
    errors = registry.config_errors(refused.value, model=registry.get("script").config_model)
    assert errors["command"] == ["This field is required."]
    assert errors["comand"] == ["Unknown field. Did you mean 'command'?"]
    assert set(errors) == {"command", "comand", "limits.outputKb", "cwd"}
    assert "s3cret" not in str(errors)


@pytest.mark.parametrize("raw", [None, [], "text", 5])
def test_a_config_that_is_no_object_is_refused(raw: object) -> None:
    with pytest.raises(pydantic.ValidationError):
        registry.validate_config("script", raw)
