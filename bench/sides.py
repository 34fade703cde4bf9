"""The two sides of the comparison: how each is started, ordered, watched and checked.

`throughput` alternates between them. Both sides: one Celery worker with a prefork pool, a publisher in a process of
its own, rows at enqueue, start and finish in the same PostgreSQL, one line a run. Ours runs as `make up` runs it, with
beat, keeper and task events; the peer has nothing beside its worker.
"""

from collections.abc import Mapping
from typing import Any

import psycopg

from bench.processes import Processes, Talker, until
from bench.stage import Stage
from config.local import commands

START_SECONDS = 60.0


class Side:
    """One side, running. `count` executions at a time; the store is asked, not the processes."""

    name = ""
    done_sql: Any = ""
    clear_sql: Any = ""

    def __init__(self, stage: Stage, processes: Processes, *, children: int) -> None:
        self.stage, self.processes, self.children = stage, processes, children
        self.store = self._connect()
        self.publisher = self._publisher()
        self.pids: dict[str, list[int]] = {"publisher": [self.publisher.process.pid], "workers": self._start()}

    def publish(self, count: int) -> Mapping[str, float]:
        """Enqueue; the monotonic times at which that began and ended."""
        raise NotImplementedError

    def done(self) -> int:
        """How many the store shows as completed."""
        row = self.store.execute(self.done_sql).fetchone()
        return int(row[0]) if row else 0

    def clear(self) -> None:
        """Empty tables and no lines: every run begins alike."""
        self.store.execute(self.clear_sql)
        self.stage.forget_lines()

    def ids(self) -> set[str]:
        """The ids that must stand in the lines, each with the rows it must have. Raises SystemExit."""
        raise NotImplementedError

    def _connect(self) -> psycopg.Connection[Any]:
        return self.stage.connect()

    def _publisher(self) -> Talker:
        raise NotImplementedError

    def _start(self) -> list[int]:
        raise NotImplementedError


class Ours(Side):
    """Single executions of one definition, through the engine's verb."""

    name = "taskfleet, single"
    done_sql = "SELECT count(*) FROM fleet_execution WHERE state = 'completed'"
    clear_sql = """TRUNCATE fleet_execution, fleet_attempt, fleet_transition, fleet_result, fleet_batch,
        fleet_batch_member, fleet_slot, django_celery_results_taskresult RESTART IDENTITY"""
    check_sql = """
        SELECT e.id::text, count(DISTINCT a.id), count(DISTINCT t.id), count(DISTINCT r.execution_id), min(a.pid)
        FROM fleet_execution e LEFT JOIN fleet_attempt a ON a.execution_id = e.id
        LEFT JOIN fleet_transition t ON t.execution_id = e.id LEFT JOIN fleet_result r ON r.execution_id = e.id
        GROUP BY e.id"""

    def publish(self, count: int) -> Mapping[str, float]:
        return self._times(self.publisher.tell("single", self._definition(), count))

    def ids(self) -> set[str]:
        found = self.store.execute(self.check_sql).fetchall()
        publisher = self.publisher.process.pid
        wrong = [row for row in found if row[1:4] != (1, 3, 1) or row[4] == publisher]
        if wrong:
            raise SystemExit(f"{self.name}: not one attempt, three transitions and one result each: {wrong[:3]}")
        return {row[0] for row in found}

    def _definition(self) -> str:
        row = self.store.execute("SELECT id::text FROM fleet_definition WHERE name = 'no-op'").fetchone()
        return row[0] if row else str(self.publisher.tell("define", str(self.stage.lines)))

    @staticmethod
    def _times(answer: Mapping[str, Any]) -> Mapping[str, float]:
        return {"began": answer["began"], "ended": answer["ended"]}

    def _publisher(self) -> Talker:
        return self.processes.talk_to("bench.ours", env=self.stage.ours())

    def _start(self) -> list[int]:
        env = self.stage.ours(**commands.WORKER_ENV)
        worker = ("worker", "-Q", "default", "-n", "bench@%h", "-c", str(self.children), "-E")
        started = self.processes.start("worker", *commands.CELERY, *worker, env=env)
        beat = self.processes.start(
            "beat", *commands.BEAT.argv, "-s", str(self.stage.folder / "beat"), "--pidfile=", env=env
        )
        sql = "SELECT 1 FROM fleet_worker WHERE pid = %s AND stopped_at IS NULL"
        until(
            lambda: self.store.execute(sql, [started.pid]).fetchone(),
            seconds=START_SECONDS,
            what=f"a worker; see {self.stage.folder}/worker.log",
        )
        return [started.pid, beat.pid]


class OursBatch(Ours):
    """The members of one batch of one definition."""

    name = "taskfleet, batch"
    max_parallel = 50

    def publish(self, count: int) -> Mapping[str, float]:
        return self._times(self.publisher.tell("batch", self._definition(), count, self.max_parallel))


class Peer(Side):
    """Plain Celery with django-celery-results."""

    name = "celery + django-celery-results"
    done_sql = "SELECT count(*) FROM django_celery_results_taskresult WHERE status = 'SUCCESS'"
    clear_sql = "TRUNCATE django_celery_results_taskresult RESTART IDENTITY"

    def publish(self, count: int) -> Mapping[str, float]:
        times: Mapping[str, float] = self.publisher.tell("single", count)
        return times

    def ids(self) -> set[str]:
        sql = "SELECT task_id, date_started, worker FROM django_celery_results_taskresult"
        found = self.store.execute(sql).fetchall()
        bare = [row for row in found if not (row[1] and row[2])]
        if bare:
            raise SystemExit(f"{self.name}: rows without start or worker: {len(bare)} of {len(found)}, {bare[:2]}")
        return {row[0] for row in found}

    def _connect(self) -> psycopg.Connection[Any]:
        return self.stage.connect(peer=True)

    def _publisher(self) -> Talker:
        return self.processes.talk_to("bench.peer.publish", env=self.stage.peer())

    def _start(self) -> list[int]:
        self.publisher.tell("migrate")
        command = ("celery", "-A", "bench.peer.app", "worker", "-n", "peer@%h", "-c", str(self.children))
        return [self.processes.start("peer", *command, env=self.stage.peer()).pid]


SIDES: Mapping[str, type[Side]] = {"peer": Peer, "single": Ours, "batch": OursBatch}
