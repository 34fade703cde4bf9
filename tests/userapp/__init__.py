"""A user's own Django app with plain Celery tasks; knows nothing of Taskfleet."""
