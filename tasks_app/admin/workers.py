"""Workers as their keepers report them, and what each has in hand."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tasks_app.admin import words
from tasks_app.admin.fleet import ReadOnlyAdmin
from tasks_app.admin.lines import execution_url
from tasks_app.models import Attempt, Execution, Worker
from tasks_app.queries.workers import shown

SHOWN = 100


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """One Celery worker with its pool of children."""

    list_display = ("name", "alive", "in_pools", "busy", "memory", "version", "heard", "since")
    ordering = (F("stopped_at").desc(nulls_first=True), "name")
    search_fields = ("name", "host")
    change_form_template = "taskfleet/worker.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        """With `alive`, by the database's clock."""
        return shown(fresh_for=2 * settings.TASKFLEET.lease)

    @admin.display(description="state")
    def alive(self, worker: Any) -> SafeString | str:
        """Alive, stopped as it should, or silent."""
        if worker.alive:
            return words.badge("alive")
        return words.badge("stopped") if worker.stopped_at else words.badge("lost", text="silent")

    @admin.display(description="pools")
    def in_pools(self, worker: Worker) -> str:
        """The queues it serves."""
        return ", ".join(worker.pools)

    @admin.display(description="busy")
    def busy(self, worker: Any) -> SafeString | str:
        """Children at work of all."""
        if not worker.alive:
            return words.NONE
        share = min(100, round(100 * worker.running / worker.concurrency)) if worker.concurrency else 0
        bar = '<div class="tf-bar"><i class="tf-is-running" style="width:{}%"></i></div>'
        return format_html(f'<div class="tf-progress">{bar}{{}}/{{}}</div>', share, worker.running, worker.concurrency)

    @admin.display(description="memory")
    def memory(self, worker: Worker) -> str:
        """Resident size of the whole worker."""
        return words.size(worker.rss_kb)

    @admin.display(description="version")
    def version(self, worker: Worker) -> str:
        """Of the code it runs."""
        return worker.code_version or words.NONE

    @admin.display(description="heard of")
    def heard(self, worker: Worker) -> SafeString | str:
        """The keeper's last report."""
        return words.when(worker.heartbeat_at)

    @admin.display(description="since")
    def since(self, worker: Worker) -> SafeString | str:
        """When it started."""
        return words.when(worker.started_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of one worker."""
        worker = self.get_object(request, object_id)
        if worker is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            "title": worker.name,
            "subtitle": None,
            "state": self.alive(worker),
            "facts": self._facts(worker),
            "in_hand": _in_hand(worker),
        }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def _facts(self, worker: Worker) -> list[tuple[str, Any]]:
        return [
            ("Host, pid", f"{worker.host}, {worker.pid}"),
            ("Pools", self.in_pools(worker)),
            ("Busy", self.busy(worker)),
            ("Memory", self.memory(worker)),
            ("Version", self.version(worker)),
            ("Heard of", self.heard(worker)),
            ("Started", self.since(worker)),
            ("Stopped", words.when(worker.stopped_at)),
            ("Can run", ", ".join(sorted(worker.task_types))),
        ]


def _in_hand(worker: Worker) -> list[dict[str, Any]]:
    """Open attempts of a worker. Two statements."""
    attempts = list(Attempt.objects.filter(worker=worker.name, finished_at=None).order_by("started_at")[:SHOWN])
    rows = Execution.objects.filter(pk__in=[attempt.execution_id for attempt in attempts])
    names = dict(rows.values_list("pk", "definition__name"))
    return [
        {
            "name": names.get(attempt.execution_id, attempt.execution_id),
            "url": execution_url(attempt.execution_id),
            "pid": attempt.pid,
            "number": attempt.number,
            "took": words.between(attempt.started_at, None),
            "lease": words.when(attempt.lease_until),
        }
        for attempt in attempts
    ]
