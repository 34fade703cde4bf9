"""The peer: the same work on plain Celery with django-celery-results, written as its manuals say.

A row at enqueue, at start and at finish, the worker's database connection kept (`CELERY_DB_REUSE_MAX`, without which
it would be several times slower). A Django project of its own; nothing of the product is imported.
"""
