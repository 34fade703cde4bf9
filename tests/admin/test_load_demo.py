"""The demo of a first start: what it makes, that it runs, and that it never touches a database that is in use."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command

from config.local import ports
from tasks_app.management.commands import load_demo
from tasks_app.models import Batch, Execution, Schedule, TaskDefinition
from tests.river import drain


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_demo, "WAITS_SECONDS", (0, 0.01))


def _ends(name: str) -> list[str]:
    return list(Execution.objects.filter(definition__name=name).values_list("state", flat=True))


def test_on_an_empty_database_everything_runs_and_what_follows_a_good_check(live_server: Any, settings: Any) -> None:
    settings.TASKFLEET = replace(settings.TASKFLEET, public_url=live_server.url)
    call_command("load_demo")
    assert Schedule.objects.get().definition.name == "Site health"  # type: ignore[union-attr]
    assert Batch.objects.get().total == 4
    drain(hurry=True)
    assert _ends("Site health") == ["completed"]
    assert _ends("After a good check") == ["completed"]
    assert _ends("Short wait") == _ends("Nothing at all") == ["completed"] * 2
    assert _ends("After a failed check") == []


def test_a_failed_check_is_told(db: None, settings: Any) -> None:
    nobody = f"http://127.0.0.1:{ports.next_free(23_000)}"
    settings.TASKFLEET = replace(settings.TASKFLEET, public_url=nobody)
    call_command("load_demo")
    drain(hurry=True)
    assert _ends("Site health") == ["failed"]
    assert _ends("After a failed check") == ["completed"]
    assert _ends("After a good check") == []


def test_a_second_time_nothing_happens(db: None, define: Callable[..., TaskDefinition]) -> None:
    define()
    call_command("load_demo")
    assert TaskDefinition.objects.count() == 1 and not Execution.objects.exists()
    TaskDefinition.objects.update(current_version=None)
    TaskDefinition.objects.all().delete()
    call_command("load_demo")
    tasks = TaskDefinition.objects.count()
    call_command("load_demo")
    assert TaskDefinition.objects.count() == tasks == 5
