"""Django's `migrate`, except that it never makes the fleet wait: a lock it cannot have soon is an error, not a queue.

A migration that waits for a lock stops every later reader and writer of that table. Five seconds, then try again later.
"""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

LOCK_TIMEOUT = "5s"


class Command(migrate.Command):
    """`manage.py migrate` under a lock time-out."""

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
        try:
            super().handle(*args, **options)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
