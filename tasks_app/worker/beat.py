"""The scheduler class of `celery beat`: ticks our schedules and keeps the fleet's loops going.

Named in settings and on beat's command line. Any number of beats may run: due rows are shared out by their locks, each
loop is held by one. Being a DatabaseScheduler only keeps beat's admin from warning: its heap, its reread of every row
and its sending are never reached.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from celery.beat import Scheduler as CeleryScheduler
from celery.schedules import crontab
from django.db import Error, connection
from django_celery_beat.schedulers import DatabaseScheduler

from tasks_app.engine.clock import policy
from tasks_app.engine.dispatch import dispatch_once
from tasks_app.engine.loops import Turn
from tasks_app.engine.prune import prune
from tasks_app.engine.sweep import sweep_once
from tasks_app.engine.tick import seconds_until_due, tick_once
from tasks_app.worker.loop import Loop, holder_name

log = structlog.get_logger(__name__)

LONGEST_SLEEP_SECONDS = 1.0
PRUNE_EVERY = timedelta(hours=1)
# What is due but not to be had (another beat holds it, or the broker is away) is asked for again this soon.
SHORTEST_SLEEP_SECONDS = 0.2
STOP_WITHIN_SECONDS = 5.0


class Scheduler(DatabaseScheduler):
    """Beat builds one only to print its name; so nothing starts before the first tick."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        CeleryScheduler.__init__(self, *args, **kwargs)
        self.max_interval: float = min(kwargs.get("max_interval") or LONGEST_SLEEP_SECONDS, LONGEST_SLEEP_SECONDS)
        self._loops: list[Loop] = []
        self._installed = False

    def setup_schedule(self) -> None:
        """Rows of the settings are written at the first tick, when the database answers."""

    @property
    def schedule(self) -> Mapping[str, Any]:
        """No entries in memory."""
        return {}

    def sync(self) -> None:
        """Nothing is kept in memory."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Seconds to sleep. Nothing may escape: it would end beat."""
        if not self._loops:
            self._start_loops()
        try:
            return self._tick()
        except Exception:
            log.exception("beat.tick_failed")
            connection.close()
            return LONGEST_SLEEP_SECONDS

    def close(self) -> None:
        """Called from beat's signal handler, perhaps in the middle of a tick: leaves the main connection alone."""
        for loop in self._loops:
            loop.stop()
        until = time.monotonic() + STOP_WITHIN_SECONDS
        for loop in self._loops:
            loop.join(max(0.0, until - time.monotonic()))
        super().close()

    def _tick(self) -> float:
        if not self._installed:
            self._install()
        handled = tick_once()
        wait = seconds_until_due()
        if wait is None:
            return LONGEST_SLEEP_SECONDS
        shortest = 0.0 if handled else SHORTEST_SLEEP_SECONDS
        return min(max(wait, shortest), LONGEST_SLEEP_SECONDS)

    def _install(self) -> None:
        """What the settings and Celery itself want scheduled, as rows that people may then edit."""
        entries = dict(self.app.conf.beat_schedule or {})
        if self.app.conf.result_expires:
            entries.setdefault("celery.backend_cleanup", self._cleanup())
        for name, fields in entries.items():
            try:
                self.Entry.from_entry(name, app=self.app, **fields)
            except Error:
                raise
            except Exception:
                log.exception("beat.entry_refused", entry=name)
        self._installed = True

    def _start_loops(self) -> None:
        holder, lease = holder_name(), policy().lease

        def sweep(turn: Turn) -> int:
            return sweep_once(sweeper_silent=turn.silent_for > lease / 2)

        self._loops = [
            Loop("dispatch", lambda turn: dispatch_once(), every=policy().dispatch_every, holder=holder),
            Loop("sweep", sweep, every=policy().sweep_every, holder=holder),
            Loop("prune", lambda turn: prune()["executions"], every=PRUNE_EVERY, holder=holder),
        ]
        for loop in self._loops:
            loop.start()

    @staticmethod
    def _cleanup() -> dict[str, Any]:
        options = {"expire_seconds": 12 * 3600}
        return {"task": "celery.backend_cleanup", "schedule": crontab(minute="0", hour="4"), "options": options}
