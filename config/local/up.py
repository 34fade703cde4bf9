"""`make up`: the whole fleet on one machine, from an empty folder to printed addresses, until Ctrl-C.

The order is the story: lock, ports, PostgreSQL, Valkey, database made ready, supervisor, wait, stay. Everything is
stopped in the reverse order. Called by `__main__.py` only.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

from config.local import database, orphans, postgres, report, valkey
from config.local.chosen_ports import ChosenPorts, choose
from config.local.embedded import Embedded
from config.local.folder import DataFolder, write_json
from config.local.only_one import only_one
from config.local.ready import wait_until_ready
from config.local.stop_signals import Stop, raise_stop
from config.local.supervisor import Supervisor
from config.local.surroundings import Addresses, environment
from config.local.wishes import Wishes

LOOK_SECONDS = 1.0


class Ended(Exception):
    """A part that keeps the fleet up went away by itself; the text says which."""


def up(folder: DataFolder, wishes: Wishes) -> None:
    """Returns after an orderly stop; every other end is an exception with a text for the person at the terminal."""
    folder.create()
    with ExitStack() as stack:
        lock = stack.enter_context(only_one(folder, say=report.say))
        try:
            raise_stop()
            orphans.adopt()
            _run(stack, folder, wishes, lock)
        except Stop:
            report.stopping(wishes.task_soft_shutdown_seconds)
    report.say("Stopped.")


def _run(stack: ExitStack, folder: DataFolder, wishes: Wishes, lock: int) -> None:
    began_at = time.monotonic()
    report.starting(folder)
    chosen = choose(folder, wishes, say=report.say)
    servers = _servers(stack, folder, wishes, chosen)
    addresses = _addresses(wishes, chosen, servers)
    env = environment(folder, addresses)
    _prepare(folder, wishes, env)
    stack.callback(_end_orphans, servers)
    supervisor = stack.enter_context(
        Supervisor(folder, env=env, soft_shutdown_seconds=wishes.task_soft_shutdown_seconds, keep_fds=(lock,))
    )
    _wait(supervisor, addresses, env, wishes)
    note = report.note(addresses, pid=os.getpid())
    write_json(folder.running, note)
    report.ready(note, folder, took_seconds=time.monotonic() - began_at)
    _stay(supervisor, servers)


def _servers(stack: ExitStack, folder: DataFolder, wishes: Wishes, chosen: ChosenPorts) -> dict[str, Embedded]:
    """The servers nobody gave us an address for."""
    servers: dict[str, Embedded] = {}
    if not wishes.database_url:
        servers["postgres"] = postgres.Server(folder.postgres, chosen.postgres)
    if not wishes.broker_url:
        servers["valkey"] = valkey.Server(folder.valkey, chosen.valkey)
    for server in servers.values():
        stack.enter_context(server)
        report.server_started(server)
    return servers


def _addresses(wishes: Wishes, chosen: ChosenPorts, servers: dict[str, Embedded]) -> Addresses:
    return Addresses.local(
        web_port=chosen.web,
        flower_port=chosen.flower,
        database_url=servers["postgres"].url if "postgres" in servers else wishes.database_url,
        broker_url=servers["valkey"].url if "valkey" in servers else wishes.broker_url,
    )


def _prepare(folder: DataFolder, wishes: Wishes, env: dict[str, str]) -> None:
    report.say("Preparing the database (migrations, templates) ...")
    password = database.prepare(wishes, env=env, log=folder.logs / "prepare.log")
    if password is not None:
        report.admin_created(wishes.task_admin_user, password, was_given=bool(wishes.task_admin_password))


def _wait(supervisor: Supervisor, addresses: Addresses, env: dict[str, str], wishes: Wishes) -> None:
    report.say("Starting web, workers, beat and Flower ...")
    wait_until_ready(
        supervisor.control,
        live_url=f"{addresses.web}/health/live",
        expected=[item.program for item in supervisor.plans if item.autostart],
        env=env,
        within_seconds=wishes.task_ready_seconds,
        still_alive=supervisor.is_running,
        say=report.say,
    )


def _stay(supervisor: Supervisor, servers: dict[str, Embedded]) -> None:
    """Until a signal comes. Programs are the supervisor's to restart; the servers are ours."""
    while True:
        time.sleep(LOOK_SECONDS)
        if not supervisor.is_running():
            raise Ended(f"The supervisor ended by itself; see {supervisor.folder.logs / 'supervisor.log'}.")
        for server in servers.values():
            if not server.is_running():
                report.say(f"{server.name} ended by itself (see {server.log_file}); starting it again.")
                server.start()
        orphans.collect(known=[*_pids(servers), supervisor.pid])


def _end_orphans(servers: dict[str, Embedded]) -> None:
    """After the programs, before the servers: a worker's keeper still has a last word for the database."""
    if ended := orphans.end(known=_pids(servers)):
        report.say(f"Ended what outlived its program: {', '.join(ended)}")


def _pids(servers: dict[str, Embedded]) -> list[int]:
    return [server.process.pid for server in servers.values() if server.process is not None]
