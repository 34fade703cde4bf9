"""Take one guard away and a named test must go red: the proofs prove something.

Each mutant is made in a copy of the sources, never here, and tested there by a pytest of its own, on this run's servers
and databases that no other process of this run uses. That the same tests are green with all guards in place is what the
rest of this run says.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mutants.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent.parent
SOURCES = ("config", "executors", "tasks_app", "templates_library", "tests", "pyproject.toml")
ONLY_WHAT_IS_NEEDED = ("-p", "pytest_django.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider", "--timeout=60")
LAST_BROKER_DATABASE = 15


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with what was compiled of them, which makes the start of each pytest quicker."""
    folder = tmp_path_factory.mktemp("mutants")
    for name in SOURCES:
        source = ROOT / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy2(source, folder / name)
    return folder


@contextmanager
def applied(mutant: Mutant, folder: Path) -> Iterator[None]:
    """The copy without the guard, for the time of the block."""
    before = {folder / file: ((folder / file).read_text(), (folder / file).stat()) for file, _, _ in mutant.changes}
    try:
        for file, old, new in mutant.changes:
            text = (folder / file).read_text()
            assert text.count(old) == 1, f"{mutant.guard}: the guard has moved in {file}; write its mutant anew"
            (folder / file).write_text(text.replace(old, new))
        yield
    finally:
        for path, (text, was) in before.items():
            path.write_text(text)
            os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))  # what was compiled of it fits again


def verdict(mutant: Mutant, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a pytest of the copy says of the named test."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    database = f"mutants_{worker}" + "_new_tables" * mutant.new_tables
    url = os.environ["TASK_TEST_DATABASE_URL"].rsplit("/", 1)[0] + f"/{database}"
    command = [sys.executable, "-m", "pytest", "-q", "--reuse-db", *ONLY_WHAT_IS_NEEDED, mutant.killed_by]
    # As one more worker of a parallel run: it is that which decides the broker's database.
    more = {"TASK_TEST_DATABASE_URL": url, "PYTEST_XDIST_WORKER": f"gw{LAST_BROKER_DATABASE - worker}"}
    plain = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"}
    env = {**os.environ, **more, **plain}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.guard.replace(" ", "-"))
def test_without_this_guard_its_test_fails(mutant: Mutant, copy: Path) -> None:
    with applied(mutant, copy):
        found = verdict(mutant, copy)
    said = found.stdout + found.stderr
    assert found.returncode == pytest.ExitCode.TESTS_FAILED, said[-3000:]
    assert re.search(r"^1 failed in", found.stdout, re.MULTILINE), said[-3000:]


def test_the_copy_with_every_guard_in_place_is_green(copy: Path) -> None:
    """One run for all: a copy that cannot be tested at all would make every mutant look killed."""
    whole = Mutant("nothing", (), MUTANTS[0].killed_by)
    found = verdict(whole, copy)
    assert found.returncode == pytest.ExitCode.OK, (found.stdout + found.stderr)[-3000:]
