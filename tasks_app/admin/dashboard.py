"""The first page: what runs, what waits, what failed, who works. Refreshes itself by a fragment every three seconds.

`fill` is named in the settings as Unfold's dashboard callback; `live` serves the fragment.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from tasks_app.admin import hours_svg, words
from tasks_app.admin.lines import line
from tasks_app.queries import dashboard, hourly

LATE = timedelta(seconds=60)


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's hook: the context of the admin's index page."""
    return {**context, "title": "Dashboard", "live_url": reverse("admin:dashboard-live"), **_now()}


def live(request: HttpRequest) -> HttpResponse:
    """The changing part alone."""
    return render(request, "taskfleet/dashboard_live.html", _now())


def _now() -> dict[str, Any]:
    now = dashboard.now()
    level, sentence = verdict(now)
    day = hourly.last_day(now.at)
    return {
        "tiles": _tiles(now),
        "level": level,
        "verdict": sentence,
        "flower_url": settings.TASKFLEET.flower_url,
        "chart": hours_svg.draw(day),
        "day": day,
        "whole_since": words.exact(day.whole_since),
        "failures": [line(execution) for execution in now.failures],
        "recent": [line(execution) for execution in now.recent],
        "queues": [(queue, words.span(queue.oldest_seconds)) for queue in now.queues],
        "workers": [(worker, words.when(worker.heartbeat_at, now=now.at), _busy(worker)) for worker in now.workers],
        "slots": [(slot, _share(slot.used, slot.limit)) for slot in now.slots],
    }


def verdict(now: dashboard.Now) -> tuple[str, str]:
    """Health in one line: the most urgent thing wrong, with what to do."""
    waiting = [queue for queue in now.queues if queue.waiting or queue.out]
    if not now.workers:
        return "bad", "No worker is alive: nothing runs until one starts."
    if not any(lease.until > now.at for lease in now.loops):
        return "bad", "No beat is running: schedules do not fire and lost work is not recovered until one starts."
    stale = max(waiting, key=lambda queue: queue.oldest_seconds or 0.0, default=None)
    if stale and (stale.oldest_seconds or 0.0) > LATE.total_seconds():
        return "warn", f"Pool {stale.pool} is behind: its oldest execution waits {words.span(stale.oldest_seconds)}."
    if now.failed_today or now.missed_today:
        return "warn", f"Running well; {now.failed_today} failed and {now.missed_today} missed in the last 24 hours."
    return "good", "All well: workers and beat are alive, no queue is late, nothing failed in 24 hours."


def _tiles(now: dashboard.Now) -> list[dict[str, Any]]:
    runs, plans = reverse("admin:tasks_app_execution_changelist"), reverse("admin:tasks_app_schedule_changelist")
    return [
        {"name": "running now", "number": now.running, "state": "running", "url": f"{runs}?state=running"},
        {"name": "due in the next hour", "number": now.due_in_an_hour, "state": "scheduled", "url": plans},
        {"name": "failed in 24 h", "number": now.failed_today, "state": "failed", "url": f"{runs}?state=failed"},
        {"name": "missed in 24 h", "number": now.missed_today, "state": "missed", "url": f"{runs}?state=missed"},
        {
            "name": "workers alive",
            "number": len(now.workers),
            "state": "good" if now.workers else "bad",
            "url": reverse("admin:tasks_app_worker_changelist"),
        },
    ]


def _busy(worker: Any) -> int:
    return _share(worker.running, worker.concurrency)


def _share(part: int, whole: int) -> int:
    return min(100, round(100 * part / whole)) if whole else 0
