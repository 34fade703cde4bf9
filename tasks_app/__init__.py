"""Taskfleet: definitions, schedules, dependencies and executions, run by a fleet of Celery workers."""
