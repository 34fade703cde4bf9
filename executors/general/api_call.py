"""api_call: one HTTP request, judged by its status and by what its owner expects of the answer.

Run by the engine. The guarded session does the talking; signing and delivering events belong to `webhook`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import BeforeValidator, Field, model_validator

from executors.answers import Answer, failure_of
from executors.contract import Config, Context, Executor, Result
from executors.credentials import Credentials, header_for, redactor_for
from executors.errors import ExecutorError, PermanentFailure
from executors.expectations import Expect, Path, judge
from executors.http import Request, open_session
from executors.redaction import Redactor
from executors.request_fields import (
    DEFAULT_TIMEOUT_MS,
    Body,
    Headers,
    QueryValue,
    TimeoutMs,
    Url,
    encode_body,
    resolve,
    seconds_for,
)
from executors.secrets import TextOrSecret, reveal
from executors.templating import render, render_text, scope_of

BODY_KEPT = 128 * 1024
_REPEATABLE = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")

Method = Annotated[
    Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    BeforeValidator(lambda given: given.upper() if isinstance(given, str) else given),
]


class ApiCallConfig(Config):
    """An HTTP request and what is expected of its answer."""

    url: Url = Field(
        description="http(s) address; may hold {{ placeholders }}.", examples=["https://example.com/health"]
    )
    method: Method = Field("GET", description="HTTP method.")
    headers: Headers = Field(default_factory=dict, description="Request headers; a value may be a secret.")
    query: dict[str, QueryValue] = Field(default_factory=dict, description="Query parameters.")
    body: Body = Field(None, description="A text is sent as it is, anything else as JSON.")
    form: dict[str, TextOrSecret] | None = Field(None, description="Form fields, instead of a body.")
    auth: Credentials | None = Field(None, description="Credentials, as references to stored secrets.")
    timeout: TimeoutMs = Field(DEFAULT_TIMEOUT_MS, description="Milliseconds for the whole call, body included.")
    follow_redirects: bool = Field(True, description="Follow up to five redirects.")
    verify_tls: bool = Field(True, description="Check the server's certificate.")
    expect: Expect = Field(Expect(), description="Conditions for success.")
    extract: dict[str, Path] = Field(
        default_factory=dict,
        description="Name to JMESPath: values taken out of the JSON answer for the tasks after it.",
    )
    max_bytes: int = Field(1_048_576, ge=1, le=64 * 1_048_576, description="A longer answer fails.")
    idempotent: bool | None = Field(
        None,
        description="Whether the call may be repeated. By default every method but POST and PATCH; "
        "true sends an Idempotency-Key header with those.",
    )

    @model_validator(mode="after")
    def _one_body(self) -> "ApiCallConfig":
        if self.body is not None and self.form is not None:
            raise ValueError("Give body or form, not both.")
        return self

    def repeatable(self) -> bool:
        return self.method in _REPEATABLE if self.idempotent is None else self.idempotent


class ApiCall(Executor[ApiCallConfig]):
    """Sends one request and keeps what came back."""

    task_type: ClassVar[str] = "api_call"
    title: ClassVar[str] = "API call"
    description: ClassVar[str] = "Calls an HTTP address, checks the answer and takes values out of it."
    category: ClassVar[str] = "general"
    config_model = ApiCallConfig

    def is_idempotent(self, config: ApiCallConfig) -> bool:
        return config.repeatable()

    def run(self, context: Context[ApiCallConfig]) -> Result:
        config = context.config
        request = _request(context)
        with open_session(context.settings) as session:
            answer = session.fetch(
                request,
                seconds=seconds_for(config.timeout, context.time_left()),
                max_bytes=config.max_bytes,
                follow=config.follow_redirects,
                verify=config.verify_tls,
                should_stop=context.should_stop,
            )
        context.log.info(f"{config.method} answered {answer.status} in {answer.elapsed_ms} ms", bytes=len(answer.body))
        visible = redactor_for(request.headers)
        rows = _judged(config, answer, context, visible)
        return _result(config, answer, rows, visible)


def _request(context: Context[ApiCallConfig]) -> Request:
    config, scope = context.config, scope_of(context)
    url, headers = resolve(context, url=config.url, headers=config.headers, scope=scope)
    if config.auth is not None:
        name, value = header_for(config.auth, secrets=context.secrets)
        headers[name] = value
    if config.idempotent and config.method not in _REPEATABLE:
        headers.setdefault("Idempotency-Key", context.idempotency_key)
    body = encode_body(render(config.body, scope=scope, where="body"), headers)
    form = _form(config.form, context, scope)
    query = {name: _query(value, scope, name) for name, value in config.query.items()}
    return Request(config.method, url, headers=headers, params=query, data=body if form is None else form)


def _form(
    form: Mapping[str, TextOrSecret] | None, context: Context[Any], scope: Mapping[str, Any]
) -> dict[str, str] | None:
    if form is None:
        return None
    return {
        name: render_text(value, scope=scope, where=f"form.{name}")
        if isinstance(value, str)
        else reveal(value, secrets=context.secrets)
        for name, value in form.items()
    }


def _query(value: Any, scope: Mapping[str, Any], name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return render_text(value, scope=scope, where=f"query.{name}") if isinstance(value, str) else str(value)


def _judged(config: ApiCallConfig, answer: Answer, context: Context[Any], visible: Redactor) -> list[dict[str, Any]]:
    """The rows of the expectations, or the failure that the status or a row means."""
    failure = None if config.expect.welcomes(answer.status) else failure_of(answer, now=context.now)
    if failure is not None:
        failure.details = visible.json(failure.details)
        raise failure
    rows: list[dict[str, Any]] = visible.json(judge(config.expect, answer))
    bad = [row for row in rows if not row["good"]]
    if bad:
        said = "; ".join(f"{row['what']}: expected {row['expected']!r}, found {row['found']!r}" for row in bad)
        raise PermanentFailure(
            f"The answer is not as expected: {said[:500]}.",
            details={"status": answer.status, "assertions": rows, "body": visible.text(answer.snippet())},
        )
    return rows


def _result(config: ApiCallConfig, answer: Answer, rows: list[dict[str, Any]], visible: Redactor) -> Result:
    data: dict[str, Any] = {
        "status": answer.status,
        "headers": answer.shown_headers(),
        "bytes": len(answer.body),
        "elapsed_ms": answer.elapsed_ms,
        "redirects": list(answer.redirects),
        "tls": dict(answer.tls) if answer.tls else None,
        "assertions": rows,
        "extracted": _extracted(config.extract, answer) if config.extract else {},
    }
    body, warnings = _kept_body(answer)
    return Result(
        summary=f"{config.method} answered {answer.status} in {answer.elapsed_ms} ms",
        data=visible.json(data | body),
        metrics={"elapsed_ms": float(answer.elapsed_ms), "bytes": float(len(answer.body))},
        items_processed=1,
        warnings=warnings,
    )


def _extracted(wished: Mapping[str, str], answer: Answer) -> dict[str, Any]:
    document = answer.json()
    try:
        return {name: jmespath.search(path, document) for name, path in wished.items()}
    except JMESPathError as exc:
        raise PermanentFailure(f"extract: {exc}", kind="bad_response") from exc


def _kept_body(answer: Answer) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body as it is kept: JSON parsed, text as text, and only the beginning of a long one."""
    if len(answer.body) > BODY_KEPT:
        kept = answer.body[:BODY_KEPT].decode(errors="ignore")
        return {"body": kept, "truncated": True}, (f"Only the first {BODY_KEPT} bytes of the answer are kept.",)
    if answer.says_json() and answer.body:
        try:
            return {"json": answer.json(), "truncated": False}, ()
        except ExecutorError:
            return {"body": answer.text(), "truncated": False}, ("The answer calls itself JSON and is not.",)
    return {"body": answer.text(), "truncated": False}, ()
