"""Taskfleet: definitions, schedules, dependencies and executions, run by a fleet of Celery workers."""

__version__ = "0.1.0"
