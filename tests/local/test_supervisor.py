"""The supervisor with small programs in the place of web and workers: what it restarts, and stops in which order."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from config.local import supervisor_config
from config.local.commands import Program
from config.local.control import LONGEST_SOCKET_PATH, Control, NotRunning, socket_path
from config.local.folder import DataFolder
from config.local.supervisor import Supervisor
from config.local.supervisor_config import Plan
from tests.local.conftest import Eventually, Starter

STEADY = Plan(Program("steady", ("sleep", "600")), "web")
# Says on a line of a shared file that it was asked to stop, and takes its time, as a worker does.
CAREFUL = (
    "trap 'sleep 0.3; echo {name} >> {diary}; exit 0' TERM; echo up >> {diary}.{name}; while :; do sleep 0.1; done"
)


@contextmanager
def supervised(folder: DataFolder, *plans: Plan, env: dict[str, str] | None = None) -> Iterator[Supervisor]:
    surroundings = {**os.environ, **(env or {})}
    with Supervisor(folder, env=surroundings, soft_shutdown_seconds=5, plans=list(plans)) as supervisor:
        yield supervisor


def running_pid(control: Control, name: str) -> int:
    """0 until it is past its start, in which a death would only count as a failed start."""
    try:
        states = control.programs()
    except NotRunning:
        return 0
    return next((state.pid for state in states if state.name == name and state.is_running), 0)


def test_a_program_that_dies_is_started_again(folder: DataFolder, eventually: Eventually) -> None:
    with supervised(folder, STEADY) as supervisor:
        eventually(lambda: running_pid(supervisor.control, "steady"))
        first = running_pid(supervisor.control, "steady")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: running_pid(supervisor.control, "steady") not in (0, first))


def test_groups_stop_one_after_the_other_web_first_and_workers_last(folder: DataFolder, eventually: Eventually) -> None:
    diary = folder.root / "diary"
    plans = [
        Plan(Program(f"{group}-one", ("sh", "-c", CAREFUL.format(name=group, diary=diary))), group)
        for group in ("beat", "web", "workers", "flower")
    ]
    with supervised(folder, *plans):
        eventually(lambda: len(list(folder.root.glob("diary.*"))) == len(plans))
    assert diary.read_text().split() == ["web", "beat", "flower", "workers"]


def test_only_the_program_itself_is_asked_to_stop_never_its_children(
    folder: DataFolder, eventually: Eventually
) -> None:
    """A worker's pool child that got SIGTERM would lose the run it holds."""
    told, up = folder.root / "told", folder.root / "up"
    child = f"trap 'echo child >> {told}' TERM; echo >> {up}; while :; do sleep 0.1; done"
    parent = f"(sh -c \"{child}\") & trap 'sleep 0.5; echo parent >> {told}; kill -9 $!; exit' TERM; wait; wait"
    with supervised(folder, Plan(Program("parent", ("sh", "-c", parent)), "workers")):
        eventually(up.exists)
    assert told.read_text().split() == ["parent"]


def test_programs_end_with_a_killed_starter_even_when_they_have_time_to_finish(
    folder: DataFolder, starter: Starter, eventually: Eventually, gone: Callable[[int], bool]
) -> None:
    process = starter(
        "import os, time; from pathlib import Path; from config.local.commands import Program\n"
        "from config.local.folder import DataFolder; from config.local.supervisor import Supervisor\n"
        "from config.local.supervisor_config import Plan\n"
        f"plan = Plan(Program('steady', ('sleep', '600')), 'web'); folder = DataFolder(Path({str(folder.root)!r}))\n"
        "with Supervisor(folder, env=os.environ, soft_shutdown_seconds=5, plans=[plan]) as s:\n"
        "    print(s.process.pid, flush=True); time.sleep(600)"
    )
    assert process.stdout is not None
    supervisord = int(process.stdout.readline())
    eventually(lambda: running_pid(Control(folder), "steady"))
    program = running_pid(Control(folder), "steady")

    process.kill()

    eventually(lambda: gone(supervisord) and gone(program))


def test_programs_end_with_a_killed_supervisor(
    folder: DataFolder, eventually: Eventually, gone: Callable[[int], bool]
) -> None:
    with supervised(folder, STEADY) as supervisor:
        eventually(lambda: running_pid(supervisor.control, "steady"))
        program = running_pid(supervisor.control, "steady")
        assert supervisor.process is not None
        supervisor.process.kill()
        eventually(lambda: gone(program))
        eventually(lambda: not supervisor.is_running())


def test_a_deep_folder_gets_a_private_socket_elsewhere_which_is_removed(tmp_path: Path, eventually: Eventually) -> None:
    deep = DataFolder(tmp_path / ("d" * 60) / ("e" * 60) / "data")
    deep.create()
    with supervised(deep, STEADY) as supervisor:
        eventually(lambda: running_pid(supervisor.control, "steady"))
        socket = socket_path(deep)
        assert len(str(socket)) <= LONGEST_SOCKET_PATH
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert not socket.parent.exists()


def test_nobody_else_may_talk_to_it(folder: DataFolder, eventually: Eventually) -> None:
    with supervised(folder, STEADY) as supervisor:
        eventually(lambda: running_pid(supervisor.control, "steady"))
        assert socket_path(folder).stat().st_mode & 0o077 == 0


def test_programs_get_the_environment_and_its_secrets_are_in_no_file(
    folder: DataFolder, eventually: Eventually
) -> None:
    told = Plan(Program("told", ("sh", "-c", 'test -n "$SECRET_KEY" && sleep 600')), "web")
    with supervised(folder, told, env={"SECRET_KEY": "confidential%"}) as supervisor:
        eventually(lambda: running_pid(supervisor.control, "told"))
        pid = running_pid(supervisor.control, "told")
        assert psutil.Process(pid).environ()["SECRET_KEY"] == "confidential%"
    written = [path.read_text(errors="replace") for path in folder.root.rglob("*") if path.is_file()]
    assert len(written) >= 3
    assert not any("confidential" in text for text in written)


def test_scaling_a_family_starts_that_many_of_its_instances() -> None:
    plans = supervisor_config.plan({"worker-main": 3, "worker-scan": 0})
    started = [item.program.name for item in plans if item.autostart and item.group == "workers"]
    assert started == ["worker-main-1", "worker-main-2", "worker-main-3"]


@pytest.mark.parametrize("family", ["worker-main", "worker-scan"])
def test_instances_of_one_machine_have_names_of_their_own(family: str) -> None:
    argvs = [item.program.argv for item in supervisor_config.plan({}) if item.program.name.startswith(family)]
    nodes = [argv[argv.index("-n") + 1] for argv in argvs]
    assert len(set(nodes)) == len(nodes) == supervisor_config.MAX_INSTANCES
