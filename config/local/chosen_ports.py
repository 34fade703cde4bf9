"""Which ports this fleet uses: the ones asked for, the ones of last time, or the next free ones, which it then says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from config.local import ports
from config.local.folder import DataFolder, read_json, write_json
from config.local.wishes import Wishes


@dataclass(frozen=True)
class ChosenPorts:
    web: int
    flower: int
    postgres: int
    valkey: int


def choose(folder: DataFolder, wishes: Wishes, *, say: Callable[[str], None]) -> ChosenPorts:
    """Web and Flower start from the wish every time, since people know them by heart; servers keep what they had."""
    last = read_json(folder.ports)
    wanted = {
        "web": (wishes.task_web_port, "TASK_WEB_PORT"),
        "flower": (wishes.task_flower_port, "TASK_FLOWER_PORT"),
        "postgres": (last.get("postgres", wishes.task_postgres_port), "TASK_POSTGRES_PORT"),
        "valkey": (last.get("valkey", wishes.task_valkey_port), "TASK_VALKEY_PORT"),
    }
    found: dict[str, int] = {}
    for name, (port, variable) in wanted.items():
        found[name] = ports.next_free(port, not_these=frozenset(found.values()))
        first_choice_of_a_server = name not in last and name in ("postgres", "valkey")
        if found[name] != port and not first_choice_of_a_server:
            say(f"Port {port} ({name}) is taken; using {found[name]}. Set {variable} to choose another.")
    chosen = ChosenPorts(**found)
    write_json(folder.ports, {name: asdict(chosen)[name] for name in ("postgres", "valkey")})
    return chosen
