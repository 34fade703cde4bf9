"""webhook: tells another system that something happened, signed so that it can trust and deduplicate the message.

Run by the engine. Every retry carries the same webhook-id, so a receiver that keeps ids acts once. What comes back
matters only as delivered or not; a call whose answer is wanted is an `api_call`.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator
from standardwebhooks.webhooks import EmptyWebhookSecretError
from standardwebhooks.webhooks import Webhook as StandardWebhook

from executors.answers import Answer, failure_of
from executors.contract import Config, Context, Executor, Result
from executors.credentials import redactor_for
from executors.errors import PermanentFailure
from executors.http import Request, open_session
from executors.redaction import Redactor
from executors.request_fields import (
    DEFAULT_TIMEOUT_MS,
    Body,
    Headers,
    TimeoutMs,
    Url,
    encode_body,
    resolve,
    seconds_for,
)
from executors.secrets import SecretOnly, reveal
from executors.templating import render, scope_of

RESPONSE_READ = 64 * 1024

Method = Annotated[
    Literal["POST", "PUT", "PATCH"], BeforeValidator(lambda given: given.upper() if isinstance(given, str) else given)
]


class WebhookConfig(Config):
    """Where to send which message, and how to sign it."""

    url: Url = Field(
        description="http(s) address; a secret if the address itself is one.", examples=["https://example.com/hooks/1"]
    )
    method: Method = Field("POST", description="HTTP method.")
    headers: Headers = Field(default_factory=dict, description="Further headers; a value may be a secret.")
    body: Body = Field(
        default_factory=dict,
        description="The message; texts may hold {{ placeholders }} for results of earlier tasks.",
        examples=[{"content": "Version {{ build.data.version }} is out."}],
    )
    secret: SecretOnly | None = Field(None, description="The signing secret.", examples=[{"$secret": "HOOK_SECRET"}])
    signing: Literal["standard", "github", "none"] | None = Field(
        None,
        description="standard: Standard Webhooks headers (the default with a secret); github: X-Hub-Signature-256.",
    )
    timeout: TimeoutMs = Field(DEFAULT_TIMEOUT_MS, description="Milliseconds for the whole call.")
    verify_tls: bool = Field(True, description="Check the receiver's certificate.")

    @model_validator(mode="after")
    def _signing_needs_a_secret(self) -> "WebhookConfig":
        if self.signing in ("standard", "github") and self.secret is None:
            raise ValueError('Signing needs a secret. Set secret to {"$secret": "NAME"}.')
        if self.signing == "none" and self.secret is not None:
            raise ValueError("A secret is given but signing is none. Remove one of the two.")
        return self


class Webhook(Executor[WebhookConfig]):
    """Delivers one message."""

    task_type: ClassVar[str] = "webhook"
    title: ClassVar[str] = "Webhook"
    description: ClassVar[str] = "Sends a message to another system, signed, with an id that stays the same on retries."
    category: ClassVar[str] = "general"
    config_model = WebhookConfig

    def run(self, context: Context[WebhookConfig]) -> Result:
        config = context.config
        request, signed = _message(context)
        with open_session(context.settings) as session:
            answer = session.fetch(
                request,
                seconds=seconds_for(config.timeout, context.time_left()),
                max_bytes=RESPONSE_READ,
                cut=True,
                follow=False,
                verify=config.verify_tls,
                should_stop=context.should_stop,
            )
        visible = redactor_for(request.headers)
        _refuse_failure(answer, context, visible)
        context.log.info(f"Delivered: {answer.status} in {answer.elapsed_ms} ms", message_id=context.idempotency_key)
        return Result(
            summary=f"Delivered, answered {answer.status} in {answer.elapsed_ms} ms",
            data={
                "status": answer.status,
                "response_snippet": visible.text(answer.snippet()),
                "message_id": context.idempotency_key,
                "signed": signed,
                "duration_ms": answer.elapsed_ms,
                "bytes_sent": len(request.data or b""),
            },
            metrics={"elapsed_ms": float(answer.elapsed_ms)},
            items_processed=1,
        )


def _message(context: Context[WebhookConfig]) -> tuple[Request, str]:
    """The request and how it is signed. The signature covers the very bytes that are sent."""
    config, scope = context.config, scope_of(context)
    url, headers = resolve(context, url=config.url, headers=config.headers, scope=scope)
    body = encode_body(render(config.body, scope=scope, where="body"), headers) or b""
    headers |= {"webhook-id": context.idempotency_key, "Idempotency-Key": context.idempotency_key}
    signing = config.signing or ("standard" if config.secret else "none")
    if config.secret is not None:
        value = reveal(config.secret, secrets=context.secrets)
        headers |= _github(value, body) if signing == "github" else _standard(value, body, context, config.secret.name)
    return Request(config.method, url, headers=headers, data=body), signing


def _standard(secret: str, body: bytes, context: Context[Any], name: str) -> dict[str, str]:
    key = secret.removeprefix("whsec_")
    try:
        base64.b64decode(key + "=" * (-len(key) % 4), validate=True)
        signer = StandardWebhook(secret)
    except (binascii.Error, ValueError, EmptyWebhookSecretError) as exc:
        raise PermanentFailure(
            f"Secret {name!r} is not a Standard Webhooks secret. Store base64, with or without whsec_ before it.",
            kind="invalid_config",
        ) from exc
    signature = signer.sign(context.idempotency_key, context.now, body.decode())
    return {"webhook-timestamp": str(int(context.now.timestamp())), "webhook-signature": signature}


def _github(secret: str, body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def _refuse_failure(answer: Answer, context: Context[Any], visible: Redactor) -> None:
    if 300 <= answer.status < 400:
        raise PermanentFailure(
            f"The receiver redirects ({answer.status}) and a message is not sent on. Put the final address in url.",
            kind="bad_response",
            details={"status": answer.status, "location": answer.headers.get("Location", "")},
        )
    failure = failure_of(answer, now=context.now)
    if failure is not None:
        failure.details = visible.json(failure.details)
        raise failure
