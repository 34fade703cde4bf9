"""Composition only: settings, the Celery app and URLs. `config.app` is what `celery -A config` finds."""

from config.celery import app

__all__ = ["app"]
