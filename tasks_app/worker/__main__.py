"""Entry of the keeper's process: Django first, then the keeper."""

import sys

import django

django.setup()

from tasks_app.worker.keeper import main  # noqa: E402 - needs Django to be set up

main(sys.argv[1:])
