"""notification: tells people something, by e-mail and through any service Apprise knows.

Run by the engine. E-mail goes through the `send_email` the engine puts into the settings (`to`, `subject`, `body`,
`from_email`); without one it is written to the log. Apprise opens its own connections, so it works behind the fence.
Alert rules, and who should hear what, are decided elsewhere.
"""

import logging
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Literal

import apprise
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from executors.contract import Config, Context, Executor, Result
from executors.egress import Egress
from executors.errors import ExecutorError, PermanentFailure, TemporaryFailure, classify
from executors.fence import fenced
from executors.redaction import Redactor
from executors.request_fields import seconds_for
from executors.secrets import TextOrSecret, reveal
from executors.templating import Template, render_text, scope_of
from executors.watch import Watch

CALL_TIMEOUT_MS = 30_000
MAIL_PORTS = frozenset({25, 465, 587})
_LOCAL = frozenset({"dbus", "kde", "qt", "glib", "gnome", "macosx", "windows", "syslog"})
_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+\.[^\s@<>,;:\".]+|[^\s@<>,;:\"]+@localhost")

# Apprise logs whole addresses, credentials and all: nothing of it may reach the process's log.
logging.getLogger("apprise").propagate = False
logging.getLogger("apprise").addHandler(logging.NullHandler())


def _address(text: str) -> str:
    if len(text) > 254 or not _ADDRESS.fullmatch(text):
        raise ValueError("This is no e-mail address. Write it as name@example.com.")
    return text


EmailAddress = Annotated[str, AfterValidator(_address)]


class Email(Config):
    """Who gets the message by e-mail."""

    to: Annotated[list[EmailAddress], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)] = (
        Field(min_length=1, max_length=50, description="One address or several.", examples=[["team@example.com"]])
    )
    from_address: EmailAddress | None = Field(None, alias="from", description="Sender; default: the installation's.")


class NotificationConfig(Config):
    """What to say, and to whom."""

    title: Template = Field("Taskfleet", max_length=500, description="Subject; may hold {{ placeholders }}.")
    body: Template = Field(
        min_length=1,
        max_length=50_000,
        description="The message; may hold {{ placeholders }} for results of earlier tasks.",
        examples=["Version {{ build.data.version }} is out."],
    )
    kind: Literal["info", "success", "warning", "failure"] = Field("info", description="How services colour it.")
    format: Literal["text", "markdown", "html"] = Field(
        "text", description="How services read the body; e-mail sends it as text."
    )
    targets: list[TextOrSecret] = Field(
        default_factory=list,
        max_length=50,
        description="Apprise addresses. They hold credentials: better stored as secrets.",
        examples=[[{"$secret": "TEAM_CHAT"}]],
    )
    email: Email | None = Field(None, description="E-mail recipients.")

    @model_validator(mode="after")
    def _somebody(self) -> "NotificationConfig":
        if not self.targets and self.email is None:
            raise ValueError("Nobody would hear it. Give targets or email.")
        return self


class Notification(Executor[NotificationConfig]):
    """Delivers one message to everybody named; fails only if nobody got it."""

    task_type: ClassVar[str] = "notification"
    title: ClassVar[str] = "Notification"
    description: ClassVar[str] = "Sends a message by e-mail or through a chat, push or SMS service."
    category: ClassVar[str] = "general"
    config_model = NotificationConfig

    def check(self, config: NotificationConfig, *, settings: Mapping[str, Any]) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for at, target in enumerate(config.targets):
            try:
                if isinstance(target, str):
                    _service(target, at)
            except PermanentFailure as exc:
                found[f"targets.{at}"] = [exc.message]
        return found

    def run(self, context: Context[NotificationConfig]) -> Result:
        config, scope = context.config, scope_of(context)
        title = " ".join(render_text(config.title, scope=scope, where="title").split())
        body = render_text(config.body, scope=scope, where="body")
        told: list[dict[str, Any]] = []
        failures: list[Exception] = []
        for channel, deliver in _channels(context, title, body):
            try:
                told.append({"channel": channel, "delivered": True, "note": deliver()})
            except Exception as exc:
                failures.append(exc)
                told.append({"channel": channel, "delivered": False, "note": classify(exc).message})
                context.log.warning(f"{channel}: {classify(exc).message}")
        return _result(told, failures)


Delivery = Callable[[], str]


def _channels(context: Context[NotificationConfig], title: str, body: str) -> list[tuple[str, Delivery]]:
    """Each channel by a name that shows no credential, and the call that delivers there."""
    config = context.config
    channels: list[tuple[str, Delivery]] = []
    if config.email is not None:
        email = config.email
        channels.append((f"e-mail to {', '.join(email.to)}", lambda: _mail(context, email, title, body)))
    for at, target in enumerate(config.targets):
        address = reveal(target, secrets=context.secrets)
        service = _service(address, at)
        deliver = partial(_tell, context, service, hide=_redactor_for(address), title=title, body=body)
        channels.append((f"targets.{at} ({service.service_name})", deliver))
    return channels


def _mail(context: Context[Any], email: Email, title: str, body: str) -> str:
    send = context.settings.get("send_email")
    if send is None:
        context.log.info(f"E-mail to {', '.join(email.to)}: {title}", body=body)
        return "written to the log: no mail is set up"
    send(to=email.to, subject=title, body=body, from_email=email.from_address)
    return "handed to the mail server"


@cache
def _load_services() -> None:
    """Apprise imports its hundred services when the first is wanted; their old habits are not our users' concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        apprise.Apprise.instantiate("json://localhost")


def _service(address: str, at: int) -> Any:
    """Apprise's object for an address. Its own complaint would repeat the address, so it is not shown."""
    _load_services()
    with apprise.LogCapture(level=logging.CRITICAL):  # type: ignore[no-untyped-call]
        service = None if address.partition("://")[0].lower() in _LOCAL else apprise.Apprise.instantiate(address)
    if service is None:
        raise PermanentFailure(
            f"targets.{at} is no address that Apprise can deliver to. See its list of services for the form to write.",
            kind="invalid_config",
        )
    return service


def _tell(context: Context[NotificationConfig], service: Any, *, hide: Redactor, title: str, body: str) -> str:
    """One delivery behind the fence. Apprise says only whether it worked; why not is read from its log."""
    config = context.config
    seconds = seconds_for(CALL_TIMEOUT_MS, context.time_left())
    with (
        apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said,  # type: ignore[no-untyped-call]
        Watch(seconds, should_stop=context.should_stop),
        fenced(_egress(context.settings)),
    ):
        sent = service.notify(title=title, body=body, notify_type=config.kind, body_format=config.format)
        why = hide.text(" ".join(said.getvalue().split()))
    if not sent:
        raise TemporaryFailure(why[:500] or f"{service.service_name} did not take the message.")
    return "accepted by the service"


def _egress(settings: Mapping[str, Any]) -> Egress:
    """The rule for HTTP, with the ports of mail beside it unless `notification_allow_ports` says which."""
    egress = Egress.from_settings(settings)
    ports = settings.get("notification_allow_ports")
    if ports is None and egress.allow_ports is not None:
        ports = egress.allow_ports | MAIL_PORTS
    return replace(egress, allow_ports=None if ports is None else frozenset(ports))


def _redactor_for(address: str) -> Redactor:
    return Redactor([address, *(part for part in re.split(r"[:/@?&=]+", address) if len(part) >= 8)])


def _result(told: list[dict[str, Any]], failures: list[Exception]) -> Result:
    """A result if anybody was told; otherwise the most hopeful of the failures."""
    reached = sum(1 for row in told if row["delivered"])
    if not reached:
        chosen = next((exc for exc in failures if classify(exc).retryable), failures[0])
        if isinstance(chosen, ExecutorError):
            chosen.details = {**chosen.details, "channels": told}
        raise chosen
    return Result(
        f"{reached} of {len(told)} channels took the message",
        data={"channels": told},
        metrics={"delivered": float(reached), "failed": float(len(failures))},
        items_processed=reached,
        partial=bool(failures),
        warnings=tuple(f"{row['channel']}: {row['note']}" for row in told if not row["delivered"]),
    )
