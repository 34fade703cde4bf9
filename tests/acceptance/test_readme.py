"""README and docs as a newcomer follows them: their marked blocks, as written, against a fleet started as they say."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.local import ports
from tests.acceptance.test_make_up import OneMachine
from tests.documents import README, Block, blocks, pages, shown

pytestmark = [pytest.mark.acceptance, pytest.mark.xdist_group("make_up")]
SEPARATOR = "\x1e"
PATIENCE_SECONDS = 240
WALKED = [page for page in pages() if page != README and blocks(page, "walkthrough")]


class Newcomer(OneMachine):
    """Somebody with an empty home who writes the README's files and starts the fleet as it says."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        first = ports.next_free(22_000)
        names = ("TASK_WEB_PORT", "TASK_FLOWER_PORT", "TASK_POSTGRES_PORT", "TASK_VALKEY_PORT")
        self.ports = dict(zip(names, range(first, first + len(names)), strict=True))

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **self._said()}

    def _said(self) -> dict[str, str]:
        """The variables that the README sets before `make up`."""
        (start,) = blocks(README, "start")
        *settings, make, up = start.text.split()
        assert (make, up) == ("make", "up")
        return {name: value.replace("~", str(self.home)) for name, value in (word.split("=") for word in settings)}

    def write_files(self) -> None:
        for block in blocks(README, "before the start"):
            subprocess.run(["bash", "-ec", block.text], env=self.environment, check=True)
        for block in blocks(README, "file"):
            Path(block.about.replace("~", str(self.home))).write_text(block.text + "\n")

    def walk(self, steps: list[Block]) -> list[str]:
        """What each block prints, all of them in one bash."""
        script = "\n".join(f"{step.text}\nprintf '{SEPARATOR}'" for step in steps)
        web, flower = (f"http://127.0.0.1:{self.ports[name]}" for name in ("TASK_WEB_PORT", "TASK_FLOWER_PORT"))
        addresses = {"BASE": web, "FLOWER": flower, "PASSWORD": self.password}
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.home,
            env={**os.environ, **self.environment, **addresses},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return done.stdout.split(SEPARATOR)[:-1]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    made = Newcomer(tmp_path_factory.mktemp("newcomer"))
    try:
        made.write_files()
        screen = made.start()
        made.password = re.findall(r"^  password  (\S+)$", screen, re.MULTILINE)[0]
        yield made
    finally:
        for process in made.processes():
            process.kill()
        if made.up is not None:
            made.up.wait()


def check(steps: list[Block], printed: list[str]) -> None:
    """Every block printed what stands below it; one without such a text printed nothing."""
    assert len(printed) == len(steps)
    wrong = [
        f"{step.where} shows\n{step.shows}\nand printed\n{said}"
        for step, said in zip(steps, printed, strict=True)
        if not shown(step.shows or "", said)
    ]
    assert not wrong, "\n\n".join(wrong)


def test_the_readme_works_as_written(newcomer: Newcomer) -> None:
    steps = blocks(README, "walkthrough")
    assert len(steps) > 10
    check(steps, newcomer.walk(steps))


@pytest.mark.parametrize("page", WALKED, ids=[page.stem for page in WALKED])
def test_a_page_of_the_docs_works_as_written(newcomer: Newcomer, page: Path) -> None:
    """The token and the shell functions are the README's."""
    prelude, steps = blocks(README, "walkthrough")[:1], blocks(page, "walkthrough")
    check(steps, newcomer.walk(prelude + steps)[1:])
