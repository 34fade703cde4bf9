"""The admin in a real browser: a person runs a task, watches it, stops it; pages fit any screen and ask nobody else."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tasks_app.engine import batches, templates, trigger, workflows
from tasks_app.models import (
    Batch,
    DefinitionVersion,
    Execution,
    LogLine,
    Schedule,
    TaskDefinition,
    Template,
    Worker,
    WorkflowRun,
)
from templates_library.catalogue import built_in
from tests.browser.conftest import Window
from tests.fleet import Fleet
from tests.river import drain

Define = Callable[..., TaskDefinition]
Open = Callable[..., Window]


def _path(model: str, what: str = "changelist", *args: object) -> str:
    return reverse(f"admin:tasks_app_{model}_{what}", args=args)


def test_a_person_runs_a_task_and_watches_it_complete(
    window: Open, fleet: Fleet, define: Define, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    task = define(name="say hello", config={"wait_for": str(gate), "value": 42})
    seen = window()
    seen.go(_path("taskdefinition"))
    seen.page.get_by_role("link", name="say hello").click()
    seen.page.locator("a[href$='/run/']").click()
    seen.page.get_by_role("button", name="Run").click()
    seen.page.wait_for_url(re.compile(r"/execution/.+/change/"))
    expect(seen.page.locator("#live-page .tf-badge.tf-is-running").first).to_be_visible(timeout=15_000)
    gate.touch()
    expect(seen.page.get_by_text("appended")).to_be_visible(timeout=15_000)
    expect(seen.page.get_by_text('"value": 42')).to_be_visible()
    expect(seen.page.locator("a[href$='/retry/']")).to_be_visible()
    assert Execution.objects.get(definition=task).state == "completed"
    assert seen.complaints == []


def test_a_person_stops_what_runs(window: Open, fleet: Fleet, define: Define, tmp_path: Path) -> None:
    task = define(config={"wait_for": str(tmp_path / "never"), "fail": "permanent"})
    execution = trigger.trigger(task)
    seen = window()
    seen.go(_path("execution", "change", execution.pk))
    expect(seen.page.locator("#live-page .tf-badge.tf-is-running").first).to_be_visible(timeout=15_000)
    seen.page.locator("a[href$='/cancel/']").click()
    seen.page.get_by_role("button", name="Cancel execution").click()
    expect(seen.page.get_by_text("Cancelled, or told to stop.")).to_be_visible()
    expect(seen.page.locator("#live-page .tf-badge.tf-is-cancelled").first).to_be_visible(timeout=15_000)


def test_the_dashboard_refreshes_by_itself_but_not_behind_another_tab(window: Open, define: Define) -> None:
    live = reverse("admin:dashboard-live")
    seen = window()
    seen.page.clock.install()
    seen.go("/admin/")
    expect(seen.page.get_by_text("Nothing has run yet.")).to_be_visible()
    trigger.trigger(define(name="newly made"))
    seen.page.clock.run_for(3_100)
    expect(seen.page.get_by_role("link", name="newly made")).to_be_visible()

    seen.page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true}); away = true"
    )
    seen.page.clock.run_for(3_100)
    expect(seen.page.get_by_text("paused", exact=True)).to_be_visible()
    seen.asked.clear()
    trigger.trigger(define(name="made meanwhile"))
    seen.page.clock.run_for(60_000)
    assert not any(live in address for address in seen.asked)
    seen.page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(seen.page.get_by_role("link", name="made meanwhile")).to_be_visible()
    assert seen.complaints == []


def test_a_log_is_read_while_it_is_written(window: Open, define: Define) -> None:
    execution = trigger.trigger(define())
    seen = window()
    seen.page.clock.install()
    seen.go(_path("execution", "change", execution.pk))
    expect(seen.page.get_by_text("No log lines yet.")).to_be_visible()
    LogLine.objects.create(execution_id=execution.pk, attempt=1, level="info", message="half way there")
    seen.page.clock.run_for(2_100)
    expect(seen.page.get_by_text("half way there")).to_be_visible()


def test_the_form_helps_while_one_writes_and_keeps_what_was_written(window: Open) -> None:
    seen = window()
    seen.go(_path("taskdefinition", "add"))
    page = seen.page
    page.select_option("#id_task_type", "api_call")
    expect(page.get_by_role("heading", name="API call")).to_be_visible()
    page.fill("#id_schedule", "evry minute")
    expect(page.locator(".tf-note .tf-error")).to_be_visible()
    page.fill("#id_schedule", "weekdays at 8:30")
    expect(page.get_by_text("At 08:30 on Monday through Friday (UTC)")).to_be_visible()
    page.fill("#id_name", "front page")
    page.fill("#id_config", '{"adress": "https://example.org/"}')
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("url: This field is required.")).to_be_visible()
    assert page.input_value("#id_schedule") == "weekdays at 8:30"
    page.fill("#id_config", '{"url": "https://example.org/"}')
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert DefinitionVersion.objects.get().config == {"url": "https://example.org/"}
    assert Schedule.objects.get().text == "weekdays at 8:30"
    assert seen.complaints == []


def test_a_list_is_filtered_by_ticking(window: Open, define: Define) -> None:
    define(name="in use")
    TaskDefinition.objects.filter(pk=define(name="put away").pk).update(status="archived")
    seen = window()
    seen.go(_path("taskdefinition"))
    expect(seen.page.get_by_role("link", name="in use")).to_be_visible()
    seen.page.locator("#changelist a:has-text('Filters')").first.click()
    seen.page.get_by_label("Archived").check()
    seen.page.get_by_role("button", name="Apply Filters").click()
    expect(seen.page.get_by_role("link", name="put away")).to_be_visible()
    expect(seen.page.get_by_role("link", name="in use")).to_have_count(0)


def test_an_edge_is_drawn_by_choosing_a_task(window: Open, define: Define) -> None:
    define(name="the one before")
    task = define(name="the one after")
    seen = window()
    seen.go(_path("taskdefinition", "change", task.pk))
    page = seen.page
    page.get_by_role("link", name="Waits for").click()
    page.get_by_role("link", name="Add another dependency").click()
    page.locator("#upstream_edges-group .select2-selection").first.click()
    page.locator(".select2-dropdown .select2-search__field").fill("before")
    page.get_by_role("option", name="the one before").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    edge = task.upstream_edges.get()
    assert edge.upstream.name == "the one before" and edge.condition == "success"


@pytest.fixture
def everything(boss: object, define: Define) -> list[str]:
    """The addresses of all kinds of pages, each with something on it."""
    templates.sync(built_in())
    first = define(name="first of them, with quite a long name for a phone")
    second = define(name="second", after=[first], config={"fail": "permanent"}, max_retries=0)
    third = define(name="third", after=[(first, "success"), (second, "failure")])
    schedule = Schedule.objects.create(
        definition=third, text="0 2 * * *", timezone="Europe/Berlin", next_due_at="2031-01-01T00:00Z"
    )
    run = workflows.start([first], with_downstream=True)
    batch = batches.start([first.pk, second.pk] * 4, max_parallel=3, name="a batch")
    drain(hurry=True)
    trigger.trigger(first)
    failed = Execution.objects.filter(state="failed").latest("created_at")
    LogLine.objects.create(execution_id=failed.pk, attempt=1, level="error", message="x" * 300, data={"key": "y" * 200})
    worker = Worker.objects.create(
        name="w1@here", host="here", pid=1, pools=["default"], task_types=["append"], concurrency=2
    )
    template = Template.objects.latest("created_at")
    lists = ("taskdefinition", "execution", "batch", "workflowrun", "schedule", "occurrence", "worker", "template")
    ones = (third, failed, batch, run, schedule, worker, template)
    others = ("django_celery_beat_periodictask_changelist", "django_celery_beat_periodictask_add", "auth_user_add")
    assert {type(one) for one in ones} >= {Batch, WorkflowRun, Execution}
    return [
        "/admin/",
        *(_path(name) for name in lists),
        *(_path(str(one._meta.model_name), "change", one.pk) for one in ones),
        _path("taskdefinition", "add"),
        *(reverse(f"admin:{name}") for name in others),
    ]


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (400, "dark")])
def test_every_page_fits_the_screen_and_calls_nobody_else(
    window: Open, everything: list[str], width: int, theme: str
) -> None:
    seen = window(width=width, theme=theme)
    for path in everything:
        seen.go(path)
        seen.page.wait_for_load_state("networkidle")
        wide = seen.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{path} is {wide} px wider than the screen"
        dark = seen.page.evaluate("document.documentElement.classList.contains('dark')")
        assert dark is (theme == "dark")
    home = urlsplit(seen.site).netloc
    assert {urlsplit(address).netloc for address in seen.asked if address.startswith("http")} == {home}
    assert seen.complaints == []


def test_nobody_gets_in_with_a_wrong_password(window: Open) -> None:
    seen = window()
    seen.page.context.clear_cookies()
    seen.go("/admin/")
    seen.page.fill("#id_username", "boss")
    seen.page.fill("#id_password", "guessed")
    seen.page.click("#login-form button[type=submit]")
    expect(seen.page.get_by_text("Please enter the correct username and password")).to_be_visible()
