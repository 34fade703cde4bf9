"""Ordinary Celery tasks."""

from celery import shared_task


@shared_task
def add(a: int, b: int) -> int:
    return a + b


@shared_task
def broken() -> None:
    raise ValueError("as written")
