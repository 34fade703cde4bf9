"""Generated secrets: made once, readable by their owner only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.local.folder import DataFolder
from config.local.secret_files import kept, write_private
from config.local.surroundings import Addresses, environment


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    first = kept(tmp_path / "secret")
    assert len(first) >= 32
    assert kept(tmp_path / "secret") == first
    assert kept(tmp_path / "other") != first


def test_a_secret_is_private_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        kept(tmp_path / "secret")
        (tmp_path / "old").write_text("was readable by all")
        write_private(tmp_path / "old", "new")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("secret", "old")] == [0o600, 0o600]


def test_what_the_operator_set_wins_over_what_is_generated(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = Addresses.local(web_port=8001, flower_port=5556, database_url="postgresql://d", broker_url="redis://b")
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("TASK_PUBLIC_URL", raising=False)
    generated = environment(folder, addresses)
    assert generated["TASK_PUBLIC_URL"] == "http://127.0.0.1:8001"
    assert environment(folder, addresses)["SECRET_KEY"] == generated["SECRET_KEY"]

    monkeypatch.setenv("SECRET_KEY", "chosen")
    monkeypatch.setenv("TASK_PUBLIC_URL", "https://fleet.example")
    given = environment(folder, addresses)
    assert (given["SECRET_KEY"], given["TASK_PUBLIC_URL"]) == ("chosen", "https://fleet.example")
