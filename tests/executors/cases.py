"""One case a task type: a config that succeeds, one that fails when run, and one that would run for very long.

A new type is not done before it has its case here; `test_conformance` says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer


@dataclass(frozen=True)
class Case:
    good: Mapping[str, Any]
    failing: Mapping[str, Any]
    endless: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Around:
    """What stands ready for a case: a server that answers at /ok, fails at /bad, and an address that never answers."""

    server: HTTPServer
    silent_url: str


def _api_call(around: Around) -> Case:
    token = {"type": "bearer", "token": {"$secret": "TOKEN"}}
    return Case(
        good={"url": around.server.url_for("/ok"), "auth": token, "followRedirects": False},
        failing={"url": around.server.url_for("/bad"), "auth": token},
        endless={"url": around.silent_url},
    )


def _webhook(around: Around) -> Case:
    secret = {"$secret": "HOOK"}
    return Case(
        good={"url": around.server.url_for("/ok"), "secret": secret, "body": {"v": "{{ build.v }}"}, "verifyTls": True},
        failing={"url": around.server.url_for("/bad"), "secret": secret},
        endless={"url": around.silent_url},
        inputs={"build": {"v": 1}},
    )


def _script(around: Around) -> Case:
    env = {"KEY": {"$secret": "TOKEN"}}
    return Case(
        good={"command": "sh", "args": ["-c", "echo $KEY"], "env": env, "expectExitCodes": [0]},
        failing={"command": "sh", "args": ["-c", "echo $KEY >&2; exit 1"], "env": env},
        endless={"command": "sleep", "args": ["600"]},
    )


def _custom(around: Around) -> Case:
    return Case(
        good={"function": "processData", "params": {"source": "build", "target": "cache"}},
        failing={"function": "processData", "params": {"source": "nowhere"}},
        endless={"function": "sleep", "params": {"seconds": 600}},
        inputs={"build": [1, 2]},
    )


def _notification(around: Around) -> Case:
    def chat(url: str) -> str:
        return url.replace("http://", "json://")

    return Case(
        good={"body": "Hello {{ build.v }}", "targets": [chat(around.server.url_for("/ok"))]},
        failing={"body": "Hello", "targets": [chat(around.server.url_for("/bad"))]},
        endless={"body": "Hello", "targets": [chat(around.silent_url) + "?rto=600&cto=600"]},
        inputs={"build": {"v": 1}},
    )


CASES: dict[str, Callable[[Around], Case]] = {
    "api_call": _api_call,
    "custom": _custom,
    "notification": _notification,
    "script": _script,
    "webhook": _webhook,
}
