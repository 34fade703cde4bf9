"""Column recipes shared by the tables: ids made in Python, times made by the database."""

import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A UUIDv7. An id, never a clock: order and pages use the database's `created_at`."""
    return uuid7()


def id_field() -> Any:
    """Primary key made in Python before the row exists."""
    return models.UUIDField(primary_key=True, default=new_id, editable=False)


def created_field() -> Any:
    """When the database wrote the row."""
    return models.DateTimeField(db_default=Now(), editable=False)
