"""The one data folder (TASK_DATA_DIR) and where each thing stands in it. Paths only; nothing here starts anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class DataFolder:
    root: Path

    @classmethod
    def at(cls, path: Path) -> DataFolder:
        """A relative path counts from the repository, so that every command finds the same folder."""
        return cls((REPOSITORY / path.expanduser()).resolve())

    def create(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in (self.logs, self.run):
            part.mkdir(mode=0o700, exist_ok=True)

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def secret_key(self) -> Path:
        return self.root / "secret-key"

    @property
    def flower_password(self) -> Path:
        return self.root / "flower-password"

    @property
    def lock(self) -> Path:
        return self.run / "up.lock"

    @property
    def running(self) -> Path:
        """Who is up and where: pid and addresses of the fleet that holds the lock."""
        return self.run / "up.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def scale(self) -> Path:
        return self.root / "scale.json"


def read_json(path: Path) -> dict[str, Any]:
    """{} for a file that is not there or was cut short by a crash: everything kept so can be found again."""
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".new")
    partial.write_text(json.dumps(value, indent=1) + "\n")
    partial.replace(path)
