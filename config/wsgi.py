"""WSGI entry: `gunicorn config.wsgi`."""

import os
import sys

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if not os.environ.get("SECRET_KEY"):
    # Several web processes must sign alike, and nobody else may know the key.
    sys.exit("SECRET_KEY is not set: give every web process the same long random text, and keep it secret.")
application = get_wsgi_application()
