"""The pages of tasks: written and edited through authoring, errors at their fields; run, paused, cloned, archived."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tasks_app.models import DefinitionVersion, Dependency, Execution, Schedule, TaskDefinition, WorkflowRun
from tests.admin.conftest import cheap, text, url

Define = Callable[..., TaskDefinition]
YES = {"_form_submitted": "on"}
EDGES = "upstream_edges"


def form(
    task: TaskDefinition | None = None, *, edges: list[dict[str, Any]] | None = None, **fields: Any
) -> dict[str, Any]:
    """What the browser would send."""
    version = task.current_version if task else None
    sent: dict[str, Any] = {
        "name": task.name if task else "hello",
        "task_type": version.task_type if version else "append",
        "config": json.dumps(version.config if version else {}),
        "schedule": "",
        "timezone": "UTC",
        "catch_up": "latest",
        "overlap": "queue",
        "pool": version.pool if version else "",
        "priority": version.priority if version else 4,
        "timeout_seconds": version.timeout_seconds if version else "",
        "idempotent": "true" if version else "",
        "max_retries": version.max_retries if version else "",
        "initial_delay_ms": 1000,
        "max_delay_ms": 30000,
        "backoff_multiplier": 2.0,
        "jitter": 0.5,
        "dependency_mode": "all",
        "trigger_on_dependencies": "false" if version else "",
        "dependency_timeout_seconds": version.dependency_timeout_seconds if version else "",
        "version": version.number if version else "",
        f"{EDGES}-TOTAL_FORMS": len(edges or ()),
        f"{EDGES}-INITIAL_FORMS": sum("id" in edge for edge in edges or ()),
    }
    for place, edge in enumerate(edges or ()):
        given = {"condition": "success", "expression": "", "delay_ms": 0, "downstream": task.pk if task else "", **edge}
        sent |= {f"{EDGES}-{place}-{name}": value for name, value in given.items()}
    return {**sent, **fields}


def content(task: TaskDefinition) -> DefinitionVersion:
    """What the task says now, as the database has it."""
    return DefinitionVersion.objects.filter(definition=task).latest("number")


def test_a_task_is_written_with_its_schedule_and_edges(page: Client, define: Define, boss: User) -> None:
    upstream = define(name="before")
    sent = form(edges=[{"upstream": upstream.pk, "condition": "completion"}], schedule="every 5 minutes", tags="a, b")
    answer = page.post(url("taskdefinition", "add"), sent, follow=True)
    task = TaskDefinition.objects.get(name="hello")
    assert "was added successfully" in text(answer), text(answer)
    assert (task.owner, task.tags, content(task).number) == (boss, ["a", "b"], 1)
    assert Schedule.objects.get(definition=task).next_due_at is not None
    assert Dependency.objects.get(downstream=task).condition == "completion"
    assert LogEntry.objects.get().object_id == str(task.pk)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("config", '{"secnds": 3}', "secnds: Unknown field. Did you mean &#x27;seconds&#x27;?"),
        ("config", "{", "Enter a valid JSON"),
        ("config", "[]", "Give a JSON object"),
        ("schedule", "every five lightyears", "every"),
        ("timezone", "Mars/Olympus", "Mars/Olympus"),
        ("max_retries", "101", "100"),
        ("jitter", "7", "1"),
        ("concurrency_limit", "3", "concurrency_key"),
        ("name", "", "required"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(page: Client, field: str, value: str, words: str) -> None:
    answer = page.post(url("taskdefinition", "add"), {**form(schedule="hourly"), field: value})
    errors = answer.context["adminform"].form.errors
    assert field in errors, errors
    assert words in answer.content.decode()
    assert not TaskDefinition.objects.exists()


def test_a_name_is_taken_once(page: Client, define: Define, boss: User) -> None:
    define(name="hello", owner=boss)
    answer = page.post(url("taskdefinition", "add"), form())
    assert "name" in answer.context["adminform"].form.errors
    assert TaskDefinition.objects.count() == 1


def test_an_edit_makes_a_version_and_leaves_the_rest_alone(page: Client, define: Define) -> None:
    task = define(config={"seconds": 1}, max_retries=7)
    page.post(url("taskdefinition", "change", task.pk), form(task, config='{"seconds": 2}'))
    now = content(task)
    assert (now.number, now.config, now.max_retries) == (2, {"seconds": 2}, 7)


def test_saving_without_a_change_makes_no_version(page: Client, define: Define) -> None:
    task = define(config={"seconds": 1})
    answer = page.post(url("taskdefinition", "change", task.pk), form(task))
    assert answer.status_code == 302
    assert content(task).number == 1


def test_saving_without_a_change_leaves_the_schedule_as_it_was(page: Client, define: Define) -> None:
    task = define()
    page.post(url("taskdefinition", "change", task.pk), form(task, schedule="every 5 minutes"))
    before = Schedule.objects.values().get()
    page.post(url("taskdefinition", "change", task.pk), form(task, schedule="every 5 minutes", name="renamed"))
    assert Schedule.objects.values().get() == before
    page.post(url("taskdefinition", "change", task.pk), form(task, schedule="", name="renamed"))
    assert not Schedule.objects.filter(definition=task, next_due_at__isnull=False).exists()


def test_somebody_elses_edit_is_not_overwritten(page: Client, define: Define) -> None:
    task = define(config={"seconds": 1})
    mine, theirs = form(task, config='{"seconds": 3}'), form(task, config='{"seconds": 2}')
    page.post(url("taskdefinition", "change", task.pk), theirs)
    answer = page.post(url("taskdefinition", "change", task.pk), mine)
    assert "Somebody changed this task meanwhile" in text(answer)
    assert content(task).config == {"seconds": 2}


def test_a_cycle_is_refused_at_the_edges_and_nothing_is_saved(page: Client, define: Define) -> None:
    first = define(name="first")
    second = define(name="second", after=[first])
    sent = form(first, edges=[{"upstream": second.pk}], config='{"seconds": 2}')
    answer = page.post(url("taskdefinition", "change", first.pk), sent)
    assert "first -&gt; second -&gt; first" in answer.content.decode() or "would wait for each other" in text(answer)
    assert content(first).number == 1


def test_a_wrong_expression_stands_at_its_edge(page: Client, define: Define) -> None:
    first, second = define(), define()
    sent = form(first, edges=[{"upstream": second.pk, "condition": "custom", "expression": "1 +"}])
    answer = page.post(url("taskdefinition", "change", first.pk), sent)
    assert answer.status_code == 200 and "expression:" in text(answer)
    assert not Dependency.objects.exists()


def test_an_edge_is_taken_away(page: Client, define: Define) -> None:
    upstream = define()
    task = define(after=[upstream])
    edge = Dependency.objects.get()
    sent = form(task, edges=[{"id": edge.pk, "upstream": upstream.pk, "DELETE": "on"}])
    page.post(url("taskdefinition", "change", task.pk), sent)
    assert not Dependency.objects.exists()


def test_the_page_shows_runs_versions_and_who_waits(
    page: Client, ran: Callable[..., Execution], define: Define
) -> None:
    execution = ran(value=3)
    define(name="the one after", after=[execution.definition])
    with cheap(25):
        shown = text(page.get(url("taskdefinition", "change", execution.definition_id)))
    for word in ("completed", "1 current", "the one after", "on success", "&quot;value&quot;: 3"):
        assert word in shown, word


def test_the_list_shows_schedule_next_run_last_run_and_outcomes(page: Client, ran: Callable[..., Execution]) -> None:
    task = ran().definition
    page.post(url("taskdefinition", "change", task.pk), form(task, schedule="weekdays at 8:30"))
    answer = page.get(url("taskdefinition"))
    shown = text(answer)
    for word in (task.name, "active", "At 08:30 on Monday through Friday", " in ", "completed"):
        assert word in shown, word
    assert 'class="tf-spark"' in answer.content.decode()


def test_archived_tasks_are_shown_when_asked_for(page: Client, define: Define) -> None:
    task = define(name="put away")
    page.post(url("taskdefinition", "archive", task.pk), YES)
    assert "put away" not in text(page.get(url("taskdefinition")))
    assert "put away" in text(page.get(url("taskdefinition") + "?status=archived"))
    where = url("taskdefinition", "change", task.pk)
    assert "it is archived" in text(page.get(where))
    assert page.post(where, form(task, name="again")).status_code == 403


def test_tasks_are_filtered_by_type_tag_and_text(page: Client, define: Define) -> None:
    task = define(name="needle")
    TaskDefinition.objects.filter(pk=task.pk).update(tags=["sharp"])
    define(name="haystack")
    for query in ("?tag=sharp", "?q=needl"):
        shown = text(page.get(url("taskdefinition") + query))
        assert "needle" in shown and "haystack" not in shown
    assert "needle" not in text(page.get(url("taskdefinition") + "?type=script"))


def test_run_starts_it_and_goes_to_the_execution(page: Client, define: Define) -> None:
    task = define()
    answer = page.post(
        url("taskdefinition", "run", task.pk), {**YES, "config": '{"seconds": 0}', "priority": "critical"}
    )
    execution = Execution.objects.get()
    assert answer["Location"] == url("execution", "change", execution.pk)
    assert (execution.overrides, execution.priority) == ({"config": {"seconds": 0}}, 9)


def test_run_later_is_scheduled(page: Client, define: Define) -> None:
    page.post(url("taskdefinition", "run", define().pk), {**YES, "delay_seconds": "3600"})
    assert Execution.objects.get().state == "scheduled"


def test_run_with_what_waits_for_it_is_a_workflow(page: Client, define: Define) -> None:
    first = define()
    define(after=[first])
    answer = page.post(url("taskdefinition", "run", first.pk), {**YES, "with_downstream": "on"})
    run = WorkflowRun.objects.get()
    assert run.total == 2 and answer["Location"] == url("workflowrun", "change", run.pk)


@pytest.mark.parametrize("config", ['{"secnds": 1}', "[1]", "{"])
def test_a_wrong_config_for_one_run_stays_in_the_dialog(page: Client, define: Define, config: str) -> None:
    answer = page.post(url("taskdefinition", "run", define().pk), {**YES, "config": config})
    assert answer.status_code == 200 and "config" in answer.context["form"].errors
    assert not Execution.objects.exists()


def test_pause_and_resume(page: Client, define: Define) -> None:
    task = define()
    page.post(url("taskdefinition", "pause", task.pk), YES)
    assert TaskDefinition.objects.get().status == "paused"
    page.post(url("taskdefinition", "resume", task.pk), YES)
    assert TaskDefinition.objects.get().status == "active"
    assert {entry.get_change_message() for entry in LogEntry.objects.all()} == {"Paused.", "Resumed."}


def test_clone_needs_a_new_name(page: Client, define: Define, boss: User) -> None:
    task = define(name="original", owner=boss)
    again = page.post(url("taskdefinition", "clone", task.pk), {**YES, "name": "original"})
    assert again.status_code == 200 and "name" in again.context["form"].errors
    page.post(url("taskdefinition", "clone", task.pk), {**YES, "name": "copy"})
    assert TaskDefinition.objects.get(name="copy").status == "paused"


@pytest.mark.parametrize("verb", ["run", "pause", "resume", "clone", "archive"])
def test_a_link_alone_does_nothing(page: Client, define: Define, verb: str) -> None:
    task = define()
    assert page.get(url("taskdefinition", verb, task.pk)).status_code == 200
    assert not Execution.objects.exists()
    assert TaskDefinition.objects.get().status == "active"


def test_many_at_once(page: Client, define: Define) -> None:
    ids = [str(define().pk) for _ in range(3)]

    def act(name: str, **more: str) -> str:
        sent = {"action": name, "_selected_action": ids, **more}
        return text(page.post(url("taskdefinition"), sent, follow=True))

    assert "3 of 3 started." in act("run_selected")
    assert "3 of 3 paused." in act("pause_selected")
    assert "3 of 3 resumed." in act("resume_selected")
    assert "3 of 3 cloned, paused." in act("clone_selected")
    assert "3 of 3 cloned, paused." in act("clone_selected")
    assert "What waits or runs of them is cancelled" in act("archive_selected")
    assert TaskDefinition.objects.filter(status="archived").count() == 0
    assert "3 of 3 archived." in act("archive_selected", confirmed="yes")
    assert TaskDefinition.objects.filter(status="archived").count() == 3


def test_who_may_not_run_sees_no_run(guest: Callable[..., Client], define: Define) -> None:
    task, visitor = define(), guest("view_taskdefinition")
    page = visitor.get(url("taskdefinition", "change", task.pk))
    assert page.status_code == 200
    for verb in ("run", "pause", "clone", "archive"):
        assert f"/{verb}/" not in page.content.decode()
        assert visitor.post(url("taskdefinition", verb, task.pk), YES).status_code == 403
    shown = visitor.get(url("taskdefinition")).content.decode()
    assert "run_selected" not in shown and f"{task.pk}/run/" not in shown
    assert not Execution.objects.exists()


def test_who_may_run_but_not_change_has_only_run(guest: Callable[..., Client], define: Define) -> None:
    task, runner = define(), guest("view_taskdefinition", "execute_task", "view_execution")
    assert "/run/" in runner.get(url("taskdefinition", "change", task.pk)).content.decode()
    assert runner.post(url("taskdefinition", "run", task.pk), YES).status_code == 302
    assert runner.post(url("taskdefinition", "change", task.pk), form(task, name="mine")).status_code == 403
    assert runner.post(url("taskdefinition", "pause", task.pk), YES).status_code == 403


def test_the_schedule_is_read_aloud_while_it_is_typed(page: Client) -> None:
    shown = text(
        page.get(reverse("admin:schedule-preview"), {"schedule": "daily at 9:00", "timezone": "Europe/Berlin"})
    )
    assert "At 09:00 every day (Europe/Berlin)" in shown and shown.count("09:00:00") >= 5 and "UTC" in shown
    assert "tf-error" in page.get(reverse("admin:schedule-preview"), {"schedule": "evry minute"}).content.decode()
    assert "Only when started by hand" in text(page.get(reverse("admin:schedule-preview")))


@pytest.mark.parametrize("query", [{"timezone": "no/where"}, {"schedule": "\x00"}, {"schedule": "9" * 500}])
def test_the_preview_never_breaks(page: Client, query: dict[str, str]) -> None:
    assert page.get(reverse("admin:schedule-preview"), {"schedule": "hourly", **query}).status_code == 200


def test_the_config_fields_of_a_type_are_shown(page: Client) -> None:
    shown = text(page.get(reverse("admin:config-schema"), {"task_type": "api_call"}))
    for word in ("url", "method", "HTTP method.", "&quot;GET&quot;"):
        assert word in shown, word
    assert "Unknown task type" in text(page.get(reverse("admin:config-schema"), {"task_type": "nonsense"}))


def test_upstream_tasks_are_offered_by_name_but_not_archived_ones(page: Client, define: Define) -> None:
    define(name="findable")
    gone = define(name="findable but gone")
    TaskDefinition.objects.filter(pk=gone.pk).update(status="archived")
    query = {"app_label": "tasks_app", "model_name": "dependency", "field_name": "upstream", "term": "findable"}
    found = page.get(reverse("admin:autocomplete"), query).json()["results"]
    assert [row["text"] for row in found] == ["findable"]


def test_a_task_can_be_assigned(page: Client, define: Define, boss: User) -> None:
    task = define()
    page.post(url("taskdefinition", "change", task.pk), form(task, assignees=[str(boss.pk)]))
    assert list(TaskDefinition.objects.get().assignees.all()) == [boss]
