"""Makes any value a JSON document that a database can hold.

Used wherever a run's data leaves Python: functions return dates, decimals and objects, servers send NULs and lone
surrogates, and JSON in PostgreSQL takes none of it. Hides nothing; that is `redaction`.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel

DEEPEST = 64
_UNHOLDABLE = re.compile("[\0\ud800-\udfff]")


def as_json(value: Any, *, depth: int = 0) -> Any:
    """The same value in JSON's words. What JSON has no word for becomes text; deeper than 64 is refused."""
    if depth > DEEPEST:
        raise ValueError(f"The result is nested more than {DEEPEST} levels deep. Return something flatter.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return as_json(value.value, depth=depth + 1)
    if isinstance(value, str):
        return _UNHOLDABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, BaseModel):
        return as_json(value.model_dump(by_alias=True), depth=depth + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return as_json({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, depth=depth + 1)
    if isinstance(value, Mapping):
        return {as_json(str(key)): as_json(item, depth=depth + 1) for key, item in value.items()}
    return _plain(value, depth)


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray):
        return as_json(bytes(value).decode(errors="replace"))
    if isinstance(value, Decimal | UUID | PurePath):
        return str(value)
    if isinstance(value, Iterable):
        return [as_json(item, depth=depth + 1) for item in value]
    return as_json(repr(value))
