"""`manage.py sync_templates`: bring the built-in templates into the database. Safe to run at every start."""

from typing import Any

from django.core.management.base import BaseCommand

from tasks_app.engine import templates
from templates_library.catalogue import built_in


class Command(BaseCommand):
    """Insert, update and remove built-in templates."""

    help = "Bring the built-in templates into the database; templates of people are left alone."

    def handle(self, *args: Any, **options: Any) -> None:
        done = templates.sync(built_in())
        self.stdout.write(f"Templates: {done.written} written, {done.removed} removed.")
        for slug in done.taken:
            self.stderr.write(f"The built-in template {slug!r} is left out: somebody's own has this slug.")
