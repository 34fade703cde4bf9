"""notification, against a real mail server and a real listener."""

import io
import logging
import smtplib
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.message import Message
from typing import Any

import pydantic
import pytest
from aiosmtpd.controller import Controller
from pytest_httpserver import HTTPServer

from executors import registry
from executors.general.notification import Notification
from tests.executors.runs import HERE, Journal, context_for, failure, run


class Mailbox:
    """Keeps what it gets; refuses addresses at refused.test."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], Message]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.endswith("@refused.test"):
            return "450 try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.messages.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


class MailServer:
    def __init__(self, mailbox: Mailbox, port: int) -> None:
        self.mailbox, self.port = mailbox, port

    def send(self, *, to: Sequence[str], subject: str, body: str, from_email: str | None = None) -> int:
        text = f"From: {from_email}\r\nTo: {', '.join(to)}\r\nSubject: {subject}\r\n\r\n{body}\r\n"
        with smtplib.SMTP("127.0.0.1", self.port, timeout=5) as smtp:
            smtp.sendmail(from_email or "fleet@example.com", list(to), text)
        return 1


@pytest.fixture
def mail(unused_port: int) -> Iterator[MailServer]:
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=unused_port)
    controller.start()
    try:
        yield MailServer(mailbox, unused_port)
    finally:
        controller.stop()


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def chat(httpserver: HTTPServer) -> str:
    httpserver.expect_request("/chat").respond_with_data("")
    return httpserver.url_for("/chat").replace("http:", "json:")


@pytest.fixture
def process_log() -> Iterator[io.StringIO]:
    """What would reach the process's own log."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


def errors(config: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(pydantic.ValidationError) as refused:
        registry.validate_config("notification", config)
    return registry.config_errors(refused.value, model=Notification.config_model)


def test_a_service_gets_title_and_filled_body(httpserver: HTTPServer, chat: str) -> None:
    config = {
        "title": "Build\n{{ build.v }}",
        "body": "Version {{ build.v }} is out.",
        "targets": [chat],
        "kind": "success",
    }
    result = run("notification", config, inputs={"build": {"v": "1.2"}})
    said = httpserver.log[-1][0].get_json()
    assert (said["title"], said["message"], said["type"]) == ("Build 1.2", "Version 1.2 is out.", "success")
    assert (result.items_processed, result.partial) == (1, False)


def test_mail_goes_through_the_engines_door(mail: MailServer) -> None:
    config = {
        "title": "Hi",
        "body": "Text",
        "email": {"to": ["a@example.com", "b@example.com"], "from": "me@example.com"},
    }
    run("notification", config, settings={**HERE, "send_email": mail.send})
    [(recipients, message)] = mail.mailbox.messages
    assert recipients == ["a@example.com", "b@example.com"]
    assert (message["Subject"], message["From"], str(message.get_payload()).strip()) == ("Hi", "me@example.com", "Text")


def test_without_mail_it_is_written_to_the_log() -> None:
    journal = Journal()
    result = run("notification", {"title": "Hi", "body": "Text", "email": {"to": "a@example.com"}}, log=journal)
    assert journal.lines == [("info", "E-mail to a@example.com: Hi", {"body": "Text"})]
    assert "no mail is set up" in result.data["channels"][0]["note"]


def test_apprise_delivers_mail_itself(mail: MailServer) -> None:
    address = f"mailto://127.0.0.1:{mail.port}/?from=me@example.com&to=you@example.com&mode=insecure&smtp=127.0.0.1"
    run("notification", {"title": "Hi", "body": "Text", "targets": [address]})
    [(recipients, message)] = mail.mailbox.messages
    assert (recipients, message["Subject"]) == (["you@example.com"], "Hi")


def test_one_channel_that_fails_is_a_warning(mail: MailServer, chat: str, unused_port: int) -> None:
    journal = Journal()
    dead = f"json://127.0.0.1:{unused_port}/topsecretpath"
    result = run("notification", {"body": "x", "targets": [dead, chat]}, log=journal)
    assert (result.partial, result.items_processed, len(result.warnings)) == (True, 1, 1)
    assert result.warnings[0].startswith("targets.0 (JSON): ")
    assert "topsecretpath" not in str(result) + str(journal.lines)


def test_when_nobody_was_told_it_fails_and_may_be_tried_again(unused_port: int) -> None:
    found = failure("notification", {"body": "x", "targets": [f"json://127.0.0.1:{unused_port}/"]})
    assert (found.kind, len(found.details["channels"])) == ("temporary_failure", 1)


def test_what_a_service_says_is_told_without_the_parts_of_its_address() -> None:
    found = failure("notification", {"body": "x", "targets": ["json://very-secret-token.invalid/"]})
    assert found.kind == "temporary_failure"
    assert "very-secret-token" not in str(found)


def test_a_mail_server_that_refuses_keeps_its_kind(mail: MailServer) -> None:
    config = {"body": "x", "email": {"to": "a@refused.test"}}
    assert failure("notification", config, settings={"send_email": mail.send}).kind == "execution_error"


def test_a_mail_server_that_is_away_is_a_network_error(unused_port: int) -> None:
    send = MailServer(Mailbox(), unused_port).send
    config = {"body": "x", "email": {"to": "a@example.com"}}
    assert failure("notification", config, settings={"send_email": send}).kind == "network_error"


def test_an_inner_address_is_refused(httpserver: HTTPServer, chat: str) -> None:
    assert failure("notification", {"body": "x", "targets": [chat]}, settings={}).kind == "blocked_target"
    assert httpserver.log == []


def test_mail_ports_are_open_to_notifications_beside_those_of_http(chat: str) -> None:
    settings = {**HERE, "http_allow_ports": [443]}
    assert failure("notification", {"body": "x", "targets": [chat]}, settings=settings).kind == "blocked_target"
    mailto = "mailto://127.0.0.1:25/?from=me@example.com&to=you@example.com&mode=insecure&smtp=127.0.0.1"
    assert failure("notification", {"body": "x", "targets": [mailto]}, settings=settings).kind == "temporary_failure"


def test_a_target_may_be_a_secret_and_stays_one(chat: str) -> None:
    journal = Journal()
    config = {"body": "x", "targets": [{"$secret": "CHAT"}]}
    result = run("notification", config, secrets={"CHAT": chat}.__getitem__, log=journal)
    assert chat not in str(result) + str(journal.lines)


@pytest.mark.parametrize("target", ["nonsense", "slak://a/b/c", "json://", "dbus://", "syslog://"])
def test_an_address_apprise_cannot_use_is_named_without_repeating_it(target: str, process_log: io.StringIO) -> None:
    found = failure("notification", {"body": "x", "targets": [target]})
    assert (found.kind, found.message.startswith("targets.0")) == ("invalid_config", True)
    assert process_log.getvalue() == ""
    config = context_for("notification", {"body": "x", "targets": [target]}).config
    assert list(registry.get("notification").check(config, settings={})) == ["targets.0"]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"body": "x"}, ""),
        ({"email": {"to": "a@b.co"}}, "body"),
        ({"body": "x", "email": {"to": "nobody"}}, "email.to.0"),
        ({"body": "x", "email": {"to": "a@b.co\nBcc: c@d.co"}}, "email.to.0"),
        ({"body": "x", "email": {"to": []}}, "email.to"),
        ({"body": "{{ a.. }}", "email": {"to": "a@b.co"}}, "body"),
        ({"body": "x", "targets": [5]}, "targets.0"),
    ],
)
def test_a_bad_config_names_its_field(config: dict[str, Any], field: str) -> None:
    assert list(errors(config)) == [field]
