"""The admin: pages, actions, dashboard. Importing it registers everything; Django does so once the apps are ready."""

from tasks_app.admin import (
    accounts,
    batches,
    beat_tables,
    celery_results,
    definitions,
    executions,
    library,
    occurrences,
    schedules,
    urls,
    workers,
    workflows,
)

__all__ = [
    "accounts",
    "batches",
    "beat_tables",
    "celery_results",
    "definitions",
    "executions",
    "library",
    "occurrences",
    "schedules",
    "urls",
    "workers",
    "workflows",
]
