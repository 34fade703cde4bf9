"""docker-compose.yml, the Dockerfile and the lock files say what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.local import commands
from config.local.folder import REPOSITORY

SERVICES = {
    "web": commands.WEB,
    "beat": commands.BEAT,
    "flower": commands.FLOWER,
    "prepare": commands.PREPARE,
    "worker": commands.worker("worker-main"),
    "worker-scan": commands.worker("worker-scan"),
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"])


def with_defaults(text: str) -> str:
    """What compose makes of `${NAME:-default}` when NAME is not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_runs_the_very_command_of_the_one_machine_fleet(compose: dict[str, Any], service: str) -> None:
    program = SERVICES[service]
    assert tuple(with_defaults(word) for word in compose[service]["command"]) == program.argv
    assert program.env.items() <= compose[service]["environment"].items()


def test_every_process_of_the_fleet_has_a_container_and_there_are_two_beats(compose: dict[str, Any]) -> None:
    assert set(compose) == {*SERVICES, "postgres", "valkey"}
    assert compose["beat"]["deploy"]["replicas"] == 2


def test_a_container_has_longer_to_stop_than_a_worker_takes(compose: dict[str, Any]) -> None:
    assert int(compose["worker"]["stop_grace_period"].removesuffix("s")) >= 20


def test_no_secret_of_the_containers_has_a_default(compose: dict[str, Any]) -> None:
    for service, name in (("web", "SECRET_KEY"), ("flower", "FLOWER_BASIC_AUTH"), ("postgres", "POSTGRES_PASSWORD")):
        assert compose[service]["environment"][name].startswith(f"${{{name}:?")


def test_the_image_starts_the_web_under_an_init_when_told_nothing_else() -> None:
    lines = (REPOSITORY / "Dockerfile").read_text().splitlines()
    told = {line.split()[0]: line.partition(" ")[2] for line in lines if line and line[0].isupper()}
    assert tuple(json.loads(told["CMD"])) == commands.WEB.argv
    assert json.loads(told["ENTRYPOINT"]) == ["tini", "--"]
    assert told["USER"] == "taskfleet"


LOCKS = [REPOSITORY / "requirements" / name for name in ("runtime.txt", "dev.txt")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_names_no_index_and_has_a_hash_for_every_pin(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text)
    pins = re.findall(r"^\S+==\S+.*?(?=^\S|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert len(pins) > 50
    assert all("--hash=sha256:" in pin for pin in pins)


def test_the_development_lock_pins_what_runs_in_production() -> None:
    runtime, dev = (dict(re.findall(r"^([^\s=]+)==([^\s;]+)", lock.read_text(), flags=re.MULTILINE)) for lock in LOCKS)
    assert runtime.items() <= dev.items()
