"""Outside programs: how they end, and that nothing of them is left, whoever dies."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from executors.errors import Failure, Stopped
from executors.processes import Command, Ended, run
from tests.executors.runs import failure_of

ENV = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


def shell(script: str, **options: Any) -> Command:
    return Command(**({"path": "/bin/sh", "argv": ("sh", "-c", script), "cwd": "/", "env": ENV} | options))


def ran(
    command: Command,
    *,
    seconds: float | None = 20.0,
    stop_after: float | None = None,
    grace: float = 0.5,
    output: Callable[[str, bytes], None] | None = None,
) -> tuple[Ended, dict[str, bytes]]:
    begun = time.monotonic()
    heard = {"stdout": b"", "stderr": b""}

    def hear(stream: str, chunk: bytes) -> None:
        heard[stream] += chunk

    ended = run(
        command,
        output=output or hear,
        time_left=lambda: None if seconds is None else seconds - (time.monotonic() - begun),
        should_stop=lambda: stop_after is not None and time.monotonic() - begun > stop_after,
        grace_seconds=grace,
    )
    return ended, heard


def alive(mark: str) -> list[str]:
    """Processes that carry the mark in their arguments and are not zombies."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if mark in " ".join(process.info["cmdline"] or []) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(f"{process.pid} {process.info['cmdline']}")
    return found


def until(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not come true"
        time.sleep(0.02)


@pytest.fixture
def mark() -> str:
    """An argument only this test's processes carry: `sleep` takes several and adds them up."""
    return f"7{uuid.uuid4().int % 10**9:09d}.5"


def test_output_exit_code_and_use_are_reported() -> None:
    ended, heard = ran(shell("echo out; echo err >&2; exit 3"))
    assert heard == {"stdout": b"out\n", "stderr": b"err\n"}
    assert (ended.exit_code, ended.signal, ended.cut) == (3, None, "")
    assert ended.max_rss_kb > 0
    assert ended.duration_ms >= ended.cpu_ms // 2


def test_output_is_handed_on_while_the_program_runs() -> None:
    heard: list[tuple[float, bytes]] = []
    ran(shell("echo first; sleep 0.5; echo last"), output=lambda _, chunk: heard.append((time.monotonic(), chunk)))
    assert [chunk for _, chunk in heard] == [b"first\n", b"last\n"]
    assert heard[1][0] - heard[0][0] > 0.3


def test_a_normal_end_is_never_taken_for_a_kill() -> None:
    assert [ran(shell("exit 0"))[0].exit_code for _ in range(20)] == [0] * 20


def test_input_is_read_and_without_input_there_is_none() -> None:
    assert ran(shell("cat", stdin="ü" * 100_000))[1]["stdout"] == ("ü" * 100_000).encode()
    assert ran(shell("cat; echo done"))[1]["stdout"] == b"done\n"


def test_stdout_can_go_to_a_file(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        _, heard = ran(shell("echo kept; echo told >&2", stdout=out))
    assert (tmp_path / "out").read_text() == "kept\n"
    assert heard == {"stdout": b"", "stderr": b"told\n"}


def test_arguments_and_variables_arrive_as_they_are() -> None:
    odd = ("", " a b ", "*", "$HOME", "ü\n", "'\"")
    command = Command(path=sys.executable, argv=("py", "-c", "import sys; print(sys.argv[1:])", *odd), cwd="/", env={})
    assert ran(command)[1]["stdout"].decode() == f"{list(odd)!r}\n"
    only = ran(Command(path="/usr/bin/env", argv=("env",), cwd="/", env={"ONLY": "this"}))
    assert only[1]["stdout"] == b"ONLY=this\n"


def test_a_signal_is_named() -> None:
    ended, _ = ran(shell("kill -SEGV $$"))
    assert (ended.exit_code, ended.signal) == (None, "SIGSEGV")


def test_signals_and_pipes_are_as_a_program_expects_them() -> None:
    """Python ignores SIGPIPE; a program must not inherit that, or `yes | head` would complain."""
    ended, heard = ran(shell("yes | head -1"))
    assert (heard["stdout"], heard["stderr"], ended.exit_code) == (b"y\n", b"", 0)


def test_nothing_of_ours_is_open_in_the_program() -> None:
    _, heard = ran(shell("ls /proc/self/fd"))
    assert set(heard["stdout"].split()) <= {b"0", b"1", b"2", b"3"}


def test_at_the_deadline_it_is_asked_to_end_and_may_tidy_up() -> None:
    ended, heard = ran(shell("trap 'echo tidy; exit 9' TERM; sleep 30 & wait"), seconds=0.4)
    assert (heard["stdout"], ended.exit_code, ended.cut) == (b"tidy\n", 9, "timeout")


def test_what_ignores_the_request_is_killed_after_the_grace() -> None:
    begun = time.monotonic()
    ended, _ = ran(shell("trap '' TERM; while :; do sleep 0.05; done"), seconds=0.3, grace=0.4)
    assert (ended.signal, ended.cut) == ("SIGKILL", "timeout")
    assert 0.6 < time.monotonic() - begun < 8


def test_a_stop_ends_it() -> None:
    begun = time.monotonic()
    ended, _ = ran(shell("sleep 30"), stop_after=0.2)
    assert (ended.signal, ended.cut) == ("SIGTERM", "stopped")
    assert time.monotonic() - begun < 8


def test_a_child_left_in_the_background_ends_with_its_program(mark: str) -> None:
    ended, heard = ran(shell(f"sleep {mark} & echo done"))
    assert (ended.exit_code, heard["stdout"]) == (0, b"done\n")
    assert alive(mark) == []


def test_a_daemon_in_a_session_of_its_own_ends_too(mark: str) -> None:
    ran(shell(f"setsid sh -c 'setsid sleep {mark} & sleep {mark}' & exit 0"))
    assert alive(mark) == []


def test_the_whole_tree_ends_at_the_deadline(mark: str) -> None:
    ran(shell(f"setsid sleep {mark} & sh -c 'sleep {mark} & sleep {mark}'"), seconds=0.4)
    assert alive(mark) == []


def test_when_its_owner_is_killed_the_whole_tree_dies(mark: str) -> None:
    owner = textwrap.dedent(f"""
        from executors.processes import Command, run
        run(Command(path="/bin/sh", argv=("sh", "-c", "setsid sleep {mark} & trap '' TERM; sleep {mark} & wait"),
            cwd="/", env={{"PATH": "/usr/bin:/bin"}}), output=lambda stream, chunk: None,
            time_left=lambda: None, should_stop=lambda: False)
    """)
    process = subprocess.Popen([sys.executable, "-c", owner])
    until(lambda: len([one for one in alive(mark) if "'sleep'" in one]) == 2)
    process.kill()
    process.wait()
    until(lambda: alive(mark) == [], seconds=3)


def test_when_the_run_is_left_by_an_exception_nothing_stays(mark: str) -> None:
    def interrupted(stream: str, chunk: bytes) -> None:
        raise Stopped("now")

    found = failure_of(lambda: ran(shell(f"echo go; setsid sleep {mark} & sleep {mark}"), output=interrupted))
    assert found.kind == "stopped"
    assert alive(mark) == []


def test_no_zombie_and_no_descriptor_is_left() -> None:
    ran(shell("true"))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        ran(shell("sleep 0.01 & true", stdin="x"))
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "/no/such/program"}, "command:"),
        ({"cwd": "/no/such/place"}, "cwd:"),
        ({"path": "/etc/passwd"}, "command:"),
    ],
)
def test_what_cannot_start_names_the_field(change: dict[str, Any], said: str) -> None:
    found = failure_of(lambda: ran(shell("true", **change)))
    assert isinstance(found, Failure)
    assert (found.kind, found.message.startswith(said)) == ("invalid_config", True)


def test_the_processor_limit_ends_it() -> None:
    ended, _ = ran(shell("while :; do :; done", limits={"cpu_seconds": 1}))
    assert ended.signal == "SIGXCPU"
    assert 500 <= ended.cpu_ms <= 2500


def test_the_memory_limit_refuses_memory() -> None:
    hungry = Command(
        path=sys.executable,
        argv=("py", "-c", "x = bytearray(600_000_000)"),
        cwd="/",
        env={},
        limits={"memory_bytes": 200_000_000},
    )
    ended, heard = ran(hungry)
    assert ended.exit_code == 1
    assert b"MemoryError" in heard["stderr"]


def test_the_file_limit_stops_a_growing_file(tmp_path: Path) -> None:
    command = shell("head -c 3000000 /dev/zero > big", cwd=str(tmp_path), limits={"file_bytes": 1_000_000})
    ended, _ = ran(command)
    assert ended.exit_code != 0
    assert (tmp_path / "big").stat().st_size == 1_000_000


def test_the_limit_on_open_files_holds() -> None:
    opener = "import os\nfor n in range(50): os.open('/dev/null', 0)"
    command = Command(path=sys.executable, argv=("py", "-c", opener), cwd="/", env={}, limits={"open_files": 20})
    assert b"Too many open files" in ran(command)[1]["stderr"]


def test_a_flood_is_read_to_its_end() -> None:
    sizes = {"stdout": 0, "stderr": 0}

    def count(stream: str, chunk: bytes) -> None:
        sizes[stream] += len(chunk)

    ended, _ = ran(shell("head -c 200000000 /dev/zero; echo end >&2"), output=count)
    assert (ended.exit_code, sizes) == (0, {"stdout": 200_000_000, "stderr": 4})


def test_the_leash_leaves_signals_of_our_process_alone() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE)}
    ran(shell("true"))
    assert before == {number: signal.getsignal(number) for number in before}


def test_a_leash_that_is_killed_takes_the_program_with_it(mark: str) -> None:
    def kill_leash(stream: str, chunk: bytes) -> None:
        leash = psutil.Process(int(chunk)).parent()
        assert leash is not None
        leash.kill()

    found = failure_of(lambda: ran(shell(f"echo $$; exec sleep {mark}"), output=kill_leash))
    assert found.kind == "temporary_failure"
    until(lambda: alive(mark) == [], seconds=3)
