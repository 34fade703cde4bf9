"""The peer's publisher, a process of its own: `python -m bench.peer.publish`, ordered about by `throughput`."""

import time

import django
from django.core.management import call_command

django.setup()

from bench.peer.app import noop  # noqa: E402 - needs Django to be set up
from bench.processes import serve  # noqa: E402


def migrate() -> None:
    """Make the results' table."""
    call_command("migrate", verbosity=0, interactive=False)


def single(count: int) -> dict[str, float]:
    """So many tasks."""
    began = time.monotonic()
    for _ in range(count):
        noop.delay()
    return {"began": began, "ended": time.monotonic()}


if __name__ == "__main__":
    serve(migrate=migrate, single=single)
