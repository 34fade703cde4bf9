"""The pages of executions: what one can read there, and that cancel and retry are all one can do."""

from collections.abc import Callable

import pytest
from django.test import Client

from tasks_app.engine import control, trigger
from tasks_app.models import Execution, LogLine, TaskDefinition, Transition
from tests.admin.conftest import cheap, text, url

Ran = Callable[..., Execution]
Define = Callable[..., TaskDefinition]


def test_the_list_shows_what_ran(page: Client, ran: Ran) -> None:
    execution = ran()
    shown = text(page.get(url("execution")))
    for word in (execution.definition.name, "completed", "append", "manual", "test@here"):
        assert word in shown


def test_the_list_is_filtered_by_state_type_and_cause(page: Client, ran: Ran, define: Define) -> None:
    good, bad = ran().definition.name, ran(fail="permanent").definition.name
    answer = text(page.get(url("execution") + "?state=failed&type=append&cause=manual"))
    assert bad in answer and good not in answer
    assert bad not in text(page.get(url("execution") + "?cause=schedule"))


def test_an_execution_is_found_by_its_id_and_by_its_task(page: Client, ran: Ran) -> None:
    one, other = ran(), ran()
    for wanted in (str(one.pk), str(one.definition_id), one.definition.name):
        shown = text(page.get(url("execution"), {"q": wanted}))
        assert one.definition.name in shown and other.definition.name not in shown.replace(wanted, "")


def test_the_page_tells_the_whole_story(page: Client, ran: Ran) -> None:
    execution = ran(value=7)
    LogLine.objects.create(
        execution_id=execution.pk, attempt=1, level="info", message="seven <b>found</b>", data={"n": 7}
    )
    with cheap(16):
        answer = page.get(url("execution", "change", execution.pk))
    shown = text(answer)
    for word in (
        "pending",
        "running",
        "completed",
        "appended",
        "&quot;value&quot;: 7",
        "test@here",
        "1 item",
        "worker",
    ):
        assert word in shown, word
    assert "seven &lt;b&gt;found&lt;/b&gt;" in answer.content.decode()


def test_a_failure_shows_its_error_and_traceback(page: Client, ran: Ran) -> None:
    shown = text(page.get(url("execution", "change", ran(fail="permanent").pk)))
    assert "asked to fail" in shown and "failed" in shown and "It left no result." in shown


def test_a_long_log_shows_its_end_and_says_so(page: Client, ran: Ran) -> None:
    execution = ran()
    LogLine.objects.bulk_create(
        LogLine(execution_id=execution.pk, attempt=1, level="info", message=f"line {n};") for n in range(400)
    )
    shown = text(page.get(url("execution", "change", execution.pk)))
    assert "line 399;" in shown and "line 99;" not in shown and "the newest 300 lines" in shown


def test_the_live_part_says_when_nothing_will_change_any_more(page: Client, ran: Ran, define: Define) -> None:
    ended, waiting = ran(), trigger.trigger(define())
    assert page.get(url("execution", "live", waiting.pk))["X-Live"] == "goes on"
    answer = page.get(url("execution", "live", ended.pk))
    assert answer["X-Live"] == "ended" and "<html" not in answer.content.decode()


def test_only_an_open_execution_refreshes_itself(page: Client, ran: Ran, define: Define) -> None:
    assert "data-live=" in page.get(url("execution", "change", trigger.trigger(define()).pk)).content.decode()
    assert "data-live=" not in page.get(url("execution", "change", ran().pk)).content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "pending", "held": True}, "its task is paused"),
        ({"state": "pending", "waiting_slot": "pool:scan"}, "free slot of the limit pool:scan"),
        ({"state": "pending"}, "Waits for its turn in pool default"),
        ({"state": "scheduled", "run_at": "2031-01-01T10:00Z"}, "starts at 2031-01-01 10:00:00 UTC"),
        ({"state": "running", "cancel_requested_at": "2026-01-01T10:00Z"}, "told to stop"),
    ],
)
def test_the_page_says_why_it_does_not_run(page: Client, define: Define, change: dict[str, object], words: str) -> None:
    execution = trigger.trigger(define())
    Execution.objects.filter(pk=execution.pk).update(**{"sent_at": None, **change})
    assert words in text(page.get(url("execution", "change", execution.pk)))


def test_a_blocked_one_names_what_it_waits_for(page: Client, define: Define) -> None:
    upstream = define(name="the one before")
    execution = trigger.trigger(define(after=[upstream]))
    assert "Waits for the one before" in text(page.get(url("execution", "change", execution.pk)))


def test_cancel_asks_first_and_then_cancels(page: Client, define: Define, boss: object) -> None:
    execution = trigger.trigger(define())
    where = url("execution", "cancel", execution.pk)
    assert "Cancel this execution?" in text(page.get(where))
    execution.refresh_from_db()
    assert execution.state == "pending", "following a link must not cancel"
    answer = page.post(where, {"_form_submitted": "on"}, headers={"HX-Request": "true"})
    execution.refresh_from_db()
    assert execution.state == "cancelled" and answer["HX-Redirect"] == url("execution", "change", execution.pk)
    last = Transition.objects.filter(execution_id=execution.pk).latest("id")
    assert last.user_id == getattr(boss, "pk", None) and last.reason == "cancelled in the admin"


def test_retry_starts_a_new_execution_and_goes_there(page: Client, ran: Ran) -> None:
    old = ran(fail="permanent")
    answer = page.post(url("execution", "retry", old.pk), {"_form_submitted": "on"})
    new = Execution.objects.get(rerun_of=old.pk)
    assert answer["Location"] == url("execution", "change", new.pk)
    assert str(old.pk) in text(page.get(answer["Location"]))


def test_the_buttons_fit_the_state(page: Client, ran: Ran, define: Define) -> None:
    ended = page.get(url("execution", "change", ran().pk)).content.decode()
    waiting = page.get(url("execution", "change", trigger.trigger(define()).pk)).content.decode()
    assert "/retry/" in ended and "/cancel/" not in ended
    assert "/cancel/" in waiting and "/retry/" not in waiting


def test_many_are_cancelled_after_one_more_question(page: Client, define: Define) -> None:
    ids = [str(trigger.trigger(define()).pk) for _ in range(3)]
    chosen = {"action": "cancel_selected", "_selected_action": ids}
    assert "Cancel these executions?" in text(page.post(url("execution"), chosen))
    assert set(Execution.objects.values_list("state", flat=True)) == {"pending"}
    page.post(url("execution"), {**chosen, "confirmed": "yes"})
    assert set(Execution.objects.values_list("state", flat=True)) == {"cancelled"}


def test_many_are_retried_but_not_the_open_ones(page: Client, ran: Ran, define: Define) -> None:
    ended, waiting = ran(), trigger.trigger(define())
    chosen = {"action": "retry_selected", "_selected_action": [str(ended.pk), str(waiting.pk)]}
    assert "1 started again." in text(page.post(url("execution"), chosen, follow=True))
    assert Execution.objects.filter(rerun_of=ended.pk).count() == 1
    assert not Execution.objects.filter(rerun_of=waiting.pk).exists()


def test_a_refusal_is_a_message_and_not_an_error(page: Client, ran: Ran) -> None:
    execution = ran()
    TaskDefinition.objects.filter(pk=execution.definition_id).update(status="archived")
    answer = page.post(url("execution", "retry", execution.pk), {"_form_submitted": "on"}, follow=True)
    assert answer.status_code == 200 and "archived" in text(answer)


def test_who_may_only_look_sees_no_buttons_and_is_refused(guest: Callable[..., Client], define: Define) -> None:
    execution = trigger.trigger(define())
    visitor = guest("view_execution")
    shown = visitor.get(url("execution", "change", execution.pk))
    assert shown.status_code == 200 and "/cancel/" not in shown.content.decode()
    assert "cancel_selected" not in visitor.get(url("execution")).content.decode()
    assert visitor.post(url("execution", "cancel", execution.pk), {"_form_submitted": "on"}).status_code == 403
    execution.refresh_from_db()
    assert execution.state == "pending"


def test_without_permission_nothing_is_shown(guest: Callable[..., Client], define: Define) -> None:
    execution, stranger = trigger.trigger(define()), guest()
    for what in ("change", "live"):
        assert stranger.get(url("execution", what, execution.pk)).status_code == 403
    assert stranger.get(url("execution")).status_code == 403


def test_nobody_writes_an_execution_by_hand(page: Client, ran: Ran) -> None:
    execution = ran()
    assert page.post(url("execution", "change", execution.pk), {"state": "failed"}).status_code == 403
    assert page.post(url("execution", "delete", execution.pk), {"post": "yes"}).status_code == 403
    assert page.get(url("execution", "add")).status_code == 403
    execution.refresh_from_db()
    assert execution.state == "completed"


def test_one_that_does_not_exist_leads_back_with_a_message(page: Client) -> None:
    answer = page.get(url("execution", "change", "0192b0a0-0000-7000-8000-000000000000"), follow=True)
    assert answer.status_code == 200
    assert page.get(url("execution", "live", "0192b0a0-0000-7000-8000-000000000000")).status_code == 404


def test_a_cancelled_one_says_by_whom(page: Client, define: Define, boss: object) -> None:
    execution = trigger.trigger(define())
    control.cancel([execution.pk], by=boss, reason="no longer needed")  # type: ignore[arg-type]
    shown = text(page.get(url("execution", "change", execution.pk)))
    assert "boss" in shown and "no longer needed" in shown
