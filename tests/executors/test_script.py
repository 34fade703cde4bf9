"""script, against real programs."""

import os
import threading
from pathlib import Path
from typing import Any

import pydantic
import pytest

from executors import registry
from executors.general.script import Script
from executors.redaction import MARK
from tests.executors.runs import HERE, Journal, context_for, failure, run


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"command": "sh", "args": ["-c", script]} | more


def errors(config: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(pydantic.ValidationError) as refused:
        registry.validate_config("script", config)
    return registry.config_errors(refused.value, model=Script.config_model)


def test_a_result_holds_what_it_said_and_what_it_used() -> None:
    data = run("script", shell("echo out; echo err >&2")).data
    assert (data["exit_code"], data["stdout"], data["stderr"]) == (0, "out\n", "err\n")
    assert (data["truncated"], data["timed_out"], data["signal"]) == (False, False, None)
    assert data["duration_ms"] >= 0
    assert data["cpu_ms"] >= 0
    assert data["max_rss_kb"] > 0


def test_lines_are_in_the_log_while_it_runs() -> None:
    journal, asked = Journal(), threading.Event()

    class Listening(Journal):
        def info(self, message: str, **data: Any) -> None:
            journal.info(message, **data)
            asked.set()

    found = failure("script", shell("echo working; sleep 60"), log=Listening(), should_stop=asked.is_set)
    assert found.kind == "stopped"
    assert journal.lines == [("info", "working", {"stream": "stdout"})]


def test_stderr_is_logged_as_warning() -> None:
    journal = Journal()
    run("script", shell("echo careful >&2"), log=journal)
    assert journal.messages("warning") == ["careful"]


def test_head_and_tail_of_a_flood_are_kept() -> None:
    journal = Journal()
    data = run("script", {"command": "seq", "args": ["300000"], "limits": {"outputKb": 2}}, log=journal).data
    assert data["stdout"].startswith("1\n2\n3\n")
    assert data["stdout"].endswith("299999\n300000\n")
    assert len(data["stdout"]) < 2200
    assert (data["truncated"], data["stdout_bytes"]) == (True, 1_988_895)
    assert len(journal.lines) < 700


def test_another_exit_code_fails_with_the_last_thing_it_said() -> None:
    found = failure("script", shell("echo trying; echo 'no such table' >&2; exit 4"))
    assert (found.kind, found.message) == ("execution_error", "sh ended with exit code 4: no such table")
    assert (found.details["exit_code"], found.details["stdout"]) == (4, "trying\n")


def test_other_exit_codes_can_mean_success() -> None:
    assert run("script", shell("exit 4", expectExitCodes=[0, 4])).data["exit_code"] == 4


def test_exit_code_75_means_try_again_and_others_can() -> None:
    assert failure("script", shell("exit 75")).kind == "temporary_failure"
    assert failure("script", shell("exit 9", retryExitCodes=[9])).kind == "temporary_failure"
    assert failure("script", shell("exit 75", retryExitCodes=[9])).kind == "execution_error"


def test_a_signal_fails_and_is_named() -> None:
    assert "SIGSEGV" in failure("script", shell("kill -SEGV $$")).message


def test_at_its_deadline_it_times_out() -> None:
    found = failure("script", shell("echo begun; sleep 60"), seconds=0.5)
    assert (found.kind, found.details["stdout"], found.details["timed_out"]) == ("timeout", "begun\n", True)


def test_a_limit_that_was_reached_is_named() -> None:
    found = failure("script", shell("while :; do :; done", limits={"cpuSeconds": 1}))
    assert "limits.cpu_seconds" in found.message


def test_an_operators_limit_holds_over_a_tasks_higher_one() -> None:
    settings = {**HERE, "script_limits": {"cpu_seconds": 1}}
    found = failure("script", shell("while :; do :; done", limits={"cpuSeconds": 600}), settings=settings, seconds=20)
    assert "cpu_seconds" in found.message


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-U", "user", "mydb", ">", "backup.sql"], 'set stdoutFile to "backup.sql"'),
        (["mydb", ">>", "log"], "stdoutFile"),
        (["<", "in.txt"], "stdin"),
        (["x", "2>&1"], "stderr is kept"),
        (["x", "|", "grep"], "script file"),
        (["x", "&&", "y"], "script file"),
        ([";"], "script file"),
    ],
)
def test_shell_syntax_is_refused_with_the_remedy(args: list[str], said: str) -> None:
    assert said in errors({"command": "pg_dump", "args": args})["args"][0]


def test_what_only_resembles_shell_syntax_is_an_argument() -> None:
    assert (
        run("script", {"command": "echo", "args": [">=1.2", "a|b", "$HOME", "*"]}).data["stdout"]
        == ">=1.2 a|b $HOME *\n"
    )


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "PYTHONPATH", "NODE_OPTIONS", "GIT_SSH_COMMAND", "BASH_ENV", "1X", "A=B", ""]
)
def test_variables_that_change_the_program_are_refused(name: str) -> None:
    assert "env" in errors({"command": "node", "env": {name: "x"}})


def test_the_specifications_example_is_a_valid_config() -> None:
    example = {"command": "node", "args": ["scripts/cleanup.js"], "cwd": "/app", "env": {"NODE_ENV": "production"}}
    assert registry.validate_config("script", example) == example


def test_the_workers_own_variables_are_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/d")
    monkeypatch.setenv("SECRET_KEY", "very-secret")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    said = run("script", {"command": "env"}).data["stdout"]
    assert "DATABASE_URL" not in said
    assert "SECRET_KEY" not in said
    assert "TZ=Europe/Berlin" in said
    assert "TASK_EXECUTION_ID=exec-1" in said


def test_an_operator_says_which_variables_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.setenv("REGION", "north")
    said = run("script", {"command": "env"}, settings={"script_env": ["REGION"]}).data["stdout"]
    assert "REGION=north" in said
    assert "TZ=" not in said


def test_a_secret_reaches_the_program_and_nothing_else() -> None:
    journal = Journal()
    config = shell('test "$KEY" = t0ken-value-1234 && echo "key is $KEY"', env={"KEY": {"$secret": "TOKEN"}})
    result = run("script", config, log=journal)
    assert result.data["stdout"] == f"key is {MARK}\n"
    assert "t0ken" not in str(result) + str(journal.lines)


def test_a_secret_is_hidden_in_the_failure_too() -> None:
    found = failure("script", shell('echo "bad key $KEY" >&2; exit 1', env={"KEY": {"$secret": "TOKEN"}}))
    assert "t0ken" not in str(found)


def test_upstream_results_fill_arguments_variables_and_input() -> None:
    config = {
        "command": "sh",
        "args": ["-c", 'cat; echo " $1 $V"', "sh", "{{ build.version }}"],
        "env": {"V": "{{ build.name }}"},
        "stdin": "{{ build }}",
    }
    said = run("script", config, inputs={"build": {"version": 3, "name": "it's; rm -rf"}}).data["stdout"]
    assert said == '{"version": 3, "name": "it\'s; rm -rf"} 3 it\'s; rm -rf\n'


def test_without_a_directory_it_runs_in_an_empty_one_that_is_gone_afterwards() -> None:
    place, *listed = run("script", shell("pwd; ls; touch left-over")).data["stdout"].split()
    assert listed == []
    assert not Path(place).exists()


def test_it_runs_in_its_directory(tmp_path: Path) -> None:
    (tmp_path / "hello.sh").write_text("#!/bin/sh\necho hello from $PWD\n")
    (tmp_path / "hello.sh").chmod(0o755)
    config = {"command": "./hello.sh", "cwd": str(tmp_path)}
    assert run("script", config).data["stdout"] == f"hello from {tmp_path}\n"


def test_a_directory_that_is_not_there_is_named() -> None:
    assert failure("script", shell("true", cwd="/no/such/place")).message.startswith("cwd: /no/such/place")


def test_a_directory_outside_the_allowed_ones_is_refused_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "way-out").symlink_to("/")
    settings = {"script_allowed_roots": [str(tmp_path / "in")]}
    assert run("script", shell("pwd", cwd=str(tmp_path / "in")), settings=settings).data["exit_code"] == 0
    for outside in (str(tmp_path), "/", str(tmp_path / "in" / ".."), str(tmp_path / "in" / "way-out")):
        assert failure("script", shell("pwd", cwd=outside), settings=settings).kind == "blocked_target"


def test_stdout_goes_to_its_file(tmp_path: Path) -> None:
    result = run("script", shell("echo dump", cwd=str(tmp_path), stdoutFile="backup.sql"))
    assert (tmp_path / "backup.sql").read_text() == "dump\n"
    assert (result.data["stdout"], result.data["stdout_bytes"]) == ("", 5)
    assert result.data["stdout_file"] == str(tmp_path / "backup.sql")
    assert os.listdir(tmp_path) == ["backup.sql"]


def test_a_failed_script_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "backup.sql").write_text("good")
    failure("script", shell("echo half; exit 1", cwd=str(tmp_path), stdoutFile="backup.sql"))
    assert (tmp_path / "backup.sql").read_text() == "good"
    assert os.listdir(tmp_path) == ["backup.sql"]


def test_an_output_file_outside_the_allowed_directories_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    settings = {"script_allowed_roots": [str(tmp_path / "in")]}
    config = shell("echo x", cwd=str(tmp_path / "in"), stdoutFile="../out")
    assert failure("script", config, settings=settings).kind == "blocked_target"
    assert not (tmp_path / "out").exists()


def test_a_relative_output_file_without_a_directory_is_refused() -> None:
    assert failure("script", shell("echo x", stdoutFile="out")).message.startswith("stdoutFile:")


def test_a_command_that_is_not_found_is_named_and_one_with_blanks_explained() -> None:
    assert "'no-such-program'" in failure("script", {"command": "no-such-program"}).message
    found = failure("script", {"command": "node scripts/cleanup.js"})
    assert (found.kind, "Set command to 'node'" in found.message) == ("invalid_config", True)


@pytest.mark.parametrize("allowed", [["echo"], ["/bin/echo"], {"echo": "/bin/echo"}])
def test_only_allowed_commands_run(allowed: Any) -> None:
    settings = {"script_allowed_commands": allowed}
    if allowed != ["/bin/echo"] or os.path.realpath("/bin") == "/bin":
        assert run("script", {"command": "echo", "args": ["x"]}, settings=settings).data["stdout"] == "x\n"
    found = failure("script", shell("echo x"), settings=settings)
    assert (found.kind, "script_allowed_commands" in found.message) == ("blocked_target", True)


def test_an_allowed_name_does_not_allow_a_file_of_that_name_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "echo").write_text("#!/bin/sh\necho stolen\n")
    (tmp_path / "echo").chmod(0o755)
    settings = {"script_allowed_commands": ["echo"]}
    config = {"command": "./echo", "cwd": str(tmp_path)}
    assert failure("script", config, settings=settings).kind == "blocked_target"
    other = {"command": "echo", "args": ["own"], "cwd": str(tmp_path), "env": {"PATH": str(tmp_path)}}
    assert run("script", other, settings=settings).data["stdout"] == "own\n"


def test_with_an_empty_list_nothing_runs() -> None:
    assert failure("script", {"command": "echo"}, settings={"script_allowed_commands": []}).kind == "blocked_target"


def test_a_command_that_is_not_allowed_is_found_before_it_runs() -> None:
    executor = registry.get("script")
    config = context_for("script", {"command": "bash"}).config
    assert list(executor.check(config, settings={"script_allowed_commands": ["echo"]})) == ["command"]
    assert executor.check(config, settings={"script_allowed_commands": None}) == {}


def test_a_script_says_itself_whether_it_may_be_repeated() -> None:
    executor = registry.get("script")
    assert executor.is_idempotent(context_for("script", {"command": "x"}).config)
    assert not executor.is_idempotent(context_for("script", {"command": "x", "idempotent": False}).config)
