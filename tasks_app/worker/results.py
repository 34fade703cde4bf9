"""The result backend: django-celery-results' rows at one statement a message, and the hops of our conveyor.

Every override concerns our own messages only, but for the cheaper store. A user's own chains, chords and groups keep
django-celery-results' way.
"""

from typing import Any
from uuid import UUID

from celery import maybe_signature, states
from django_celery_results.backends.database import DatabaseBackend

from tasks_app.broker.messages import CLOSE_BATCH, LANE, RUN
from tasks_app.engine import lanes
from tasks_app.engine.rows import often
from tasks_app.worker.tasks import message_of

_STORE = """
INSERT INTO django_celery_results_taskresult (task_id, periodic_task_name, task_name, task_args, task_kwargs, worker,
    status, result, traceback, meta, content_type, content_encoding, date_created, date_started, date_done)
VALUES (%(task_id)s, %(periodic_task_name)s, %(task_name)s, %(task_args)s, %(task_kwargs)s, %(worker)s,
    %(status)s::text, %(result)s, %(traceback)s, %(meta)s, %(content_type)s, %(content_encoding)s, now(),
    CASE WHEN %(status)s::text = 'STARTED' THEN now() END, now())
ON CONFLICT (task_id) DO UPDATE SET periodic_task_name = excluded.periodic_task_name, task_name = excluded.task_name,
    task_args = excluded.task_args, task_kwargs = excluded.task_kwargs, worker = excluded.worker,
    status = excluded.status, result = excluded.result, traceback = excluded.traceback, meta = excluded.meta,
    date_started = coalesce(excluded.date_started, django_celery_results_taskresult.date_started), date_done = now()
"""


class Conveyor(DatabaseBackend):
    """Set as `result_backend`."""

    def _store_result(
        self, task_id: str, result: Any, status: str, traceback: Any = None, request: Any = None, using: Any = None
    ) -> Any:
        content_type, encoding, body = self.encode_content(result)
        meta = {**self._get_meta_from_request(request), "children": self.current_task_children(request)}
        row = {
            "task_id": task_id,
            "status": status,
            "result": body,
            "traceback": traceback,
            "meta": self.encode_content(meta)[2],
            "content_type": content_type,
            "content_encoding": encoding,
            **{**self._get_extended_properties(request, traceback), "traceback": traceback},
        }
        often(_STORE, row)
        return result

    def mark_as_failure(
        self,
        task_id: str,
        exc: Any,
        traceback: Any = None,
        request: Any = None,
        store_result: bool = True,
        call_errbacks: bool = True,
        state: str = states.FAILURE,
    ) -> Any:
        """A failed member of ours is counted and its chain goes on where the database says so."""
        if request is None or getattr(request, "task", None) not in (RUN, LANE):
            return super().mark_as_failure(task_id, exc, traceback, request, store_result, call_errbacks, state)
        if store_result:
            self.store_result(task_id, exc, state, traceback=traceback, request=request)
        if request.chord:
            self.on_chord_part_return(request, state, exc)
        if request.chain and _is_ready(request.chain[-1], request):
            self._send_next(request)
        return None

    def _send_next(self, request: Any) -> None:
        """What Celery does after a success."""
        link: Any = maybe_signature(request.chain[-1], app=self.app)
        link.apply_async((), chain=request.chain[:-1], parent_id=request.id, root_id=request.root_id or request.id)

    def apply_chord(self, header_result_args: Any, body: Any, **kwargs: Any) -> None:
        """Our joins are counted in links and batches; nothing is written for them here."""
        if body.get("task") not in (RUN, CLOSE_BATCH):
            super().apply_chord(header_result_args, body, **kwargs)

    def on_chord_part_return(self, request: Any, state: str, result: Any, **kwargs: Any) -> None:
        """Whoever found the join complete in the database publishes the body; nobody else does."""
        body = request.chord
        task = body.get("task") if body else None
        if task not in (RUN, CLOSE_BATCH):
            super().on_chord_part_return(request, state, result, **kwargs)
        elif (task == RUN and _is_ready(body, request)) or (task == CLOSE_BATCH and _closes(body)):
            found: Any = maybe_signature(body, app=self.app)
            found.apply_async(parent_id=request.id, root_id=request.root_id)


def _is_ready(signature: Any, request: Any) -> bool:
    ready = {str(i) for i in getattr(request, "made_ready", None) or ()}
    return message_of(signature).get("execution") in ready


def _closes(body: Any) -> bool:
    batch = message_of(body).get("batch")
    return bool(batch) and lanes.take_body(UUID(batch))
