"""What a run says while it runs: log lines and progress, written in small batches and readable at once.

One journal an attempt, in its pool child. Lines from any thread are taken; the first goes out at once, later ones at
most every fifth of a second, a late one by a timer. Secrets are taken out before a line is kept anywhere.
"""

import contextlib
import io
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from executors.documents import as_json
from tasks_app.engine.clock import policy
from tasks_app.engine.held import Held

EVERY_SECONDS = 0.2
LONGEST_LINE = 8_000
_INSERT = """
INSERT INTO fleet_logline (execution_id, attempt, at, level, message, data)
SELECT %s, %s, to_timestamp(l.at), l.level, l.message, l.data
FROM jsonb_to_recordset(%s::jsonb) AS l(at float8, level text, message text, data jsonb)
"""


class Journal:
    """The `Log` of the executors' contract, and their `progress`."""

    def __init__(self, held: Held, *, redact: Callable[[str], str], redact_json: Callable[[Any], Any]) -> None:
        self._held, self._redact, self._redact_json = held, redact, redact_json
        # psycopg connections may be used by several threads in turn; Django's wrapper of it may not.
        connection.ensure_connection()
        self._wire = connection.connection
        self._lock = threading.RLock()
        self._lines: list[dict[str, Any]] = []
        self._kept, self._written_at = 0, 0.0
        self._timer: threading.Timer | None = None

    def debug(self, message: str, **data: Any) -> None:
        self._add("debug", message, data)

    def info(self, message: str, **data: Any) -> None:
        self._add("info", message, data)

    def warning(self, message: str, **data: Any) -> None:
        self._add("warning", message, data)

    def error(self, message: str, **data: Any) -> None:
        self._add("error", message, data)

    def progress(self, share: float) -> None:
        """Between 0 and 1."""
        with self._lock:
            self._wire.execute(
                "UPDATE fleet_execution SET progress = %s WHERE id = %s AND attempt_id = %s",
                [min(1.0, max(0.0, float(share))), self._held.execution_id, self._held.attempt_id],
            )

    def close(self) -> None:
        """Write what is left; nothing is taken afterwards."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._write()
            self._kept = policy().log_lines + 1

    def _add(self, level: str, message: str, data: dict[str, Any]) -> None:
        with self._lock:
            self._kept += 1
            if self._kept > policy().log_lines:
                return
            if self._kept == policy().log_lines:
                level, message, data = "warning", "The log is full; later lines are not kept.", {}
            text = as_json(self._redact(str(message)))[:LONGEST_LINE]
            self._lines.append({"at": time.time(), "level": level, "message": text, "data": self._data(data)})
            waited = time.monotonic() - self._written_at
            if waited >= EVERY_SECONDS or len(self._lines) >= 200:
                self._write()
            elif self._timer is None:
                self._timer = threading.Timer(EVERY_SECONDS - waited, self._late)
                self._timer.daemon = True
                self._timer.start()

    def _data(self, data: dict[str, Any]) -> Any:
        if not data:
            return None
        document = as_json(self._redact_json(as_json(data)))
        text = json.dumps(document)
        return document if len(text) <= LONGEST_LINE else {"truncated": text[:LONGEST_LINE]}

    def _late(self) -> None:
        with self._lock:
            self._timer = None
            self._write()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        self._written_at = time.monotonic()
        if lines:
            with contextlib.suppress(Exception):  # a log line must not end the work it tells of
                self._wire.execute(_INSERT, [self._held.execution_id, self._held.number, json.dumps(lines)])


class Printed(io.TextIOBase):
    """What the work prints becomes log lines, a line each."""

    def __init__(self, add: Callable[[str], None]) -> None:
        self._add, self._rest = add, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._add(line)
        if len(self._rest) > LONGEST_LINE:
            self._add(self._rest)
            self._rest = ""
        return len(text)

    def flush(self) -> None:
        if self._rest:
            self._add(self._rest)
            self._rest = ""
