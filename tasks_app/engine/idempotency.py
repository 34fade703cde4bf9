"""A request with an Idempotency-Key is answered once: its work and its answer are kept in one transaction.

Called by the API around whatever creates something. A second request with the key gets the first one's answer; with
another content it is refused; while the first is still at work it waits a little, then is asked to come back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import OperationalError, transaction
from psycopg.errors import LockNotAvailable

from tasks_app.domain.refusals import Code, Refused
from tasks_app.engine.clock import once_more, policy
from tasks_app.engine.rows import execute, one
from tasks_app.models import IdempotencyKey

PATIENCE = timedelta(seconds=5)
HEADER = "Idempotency-Key"

_WAIT_AT_MOST = "SELECT set_config('lock_timeout', %(milliseconds)s::text, true)"
# Another transaction that holds the key makes this wait; one that ended badly leaves nothing behind. A key past its
# day is taken over as if it had never been used.
_TAKE = """
INSERT INTO fleet_idempotency_key (user_id, key, request_hash, headers, expires_at)
VALUES (%(user)s, %(key)s, %(hash)s, '{}', now() + %(kept_for)s)
ON CONFLICT (user_id, key) DO UPDATE SET request_hash = excluded.request_hash, status = NULL, answer = NULL,
    headers = '{}', created_at = now(), expires_at = excluded.expires_at
WHERE fleet_idempotency_key.expires_at <= now()
RETURNING id
"""
_FORGET = """
DELETE FROM fleet_idempotency_key WHERE id IN (
    SELECT id FROM fleet_idempotency_key WHERE expires_at <= now() ORDER BY expires_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True)
class Answer:
    """What a request was answered: status, JSON body, headers worth repeating."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False


@once_more
def answer_once(work: Callable[[], Answer], *, user: User, key: str, request_hash: str) -> Answer:
    """The answer of `work`, or the one it gave when this key was first used.

    What `work` raises undoes everything, the key included: a refused request may be repeated. After a deadlock `work`
    is called a second time. Opens a transaction.
    """
    with transaction.atomic():
        taken = _take(user, key, request_hash)
        if taken is None:
            return _kept(user, key, request_hash)
        answer = work()
        IdempotencyKey.objects.filter(id=taken).update(
            status=answer.status, answer=answer.body, headers=dict(answer.headers)
        )
    return answer


def forget_expired(limit: int = 5_000) -> int:
    """Delete keys that have had their day; how many. Opens a transaction."""
    with transaction.atomic():
        return execute(_FORGET, {"limit": limit})


def _take(user: User, key: str, request_hash: str) -> int | None:
    params = {"user": user.pk, "key": key, "hash": request_hash, "kept_for": policy().idempotency_for}
    before = one("SELECT current_setting('lock_timeout') AS value")
    one(_WAIT_AT_MOST, {"milliseconds": f"{PATIENCE.total_seconds() * 1000:.0f}"})
    try:
        taken = one(_TAKE, params)
    except OperationalError as exc:
        if not isinstance(exc.__cause__, LockNotAvailable):
            raise
        message = "The first request with this Idempotency-Key is still being answered; ask again in a moment."
        raise Refused(Code.CONFLICT, message, fields={HEADER: [message]}, retry_after_seconds=1) from None
    one("SELECT set_config('lock_timeout', %(value)s, true)", {"value": before.value if before else "0"})
    return taken.id if taken else None


def _kept(user: User, key: str, request_hash: str) -> Answer:
    row = IdempotencyKey.objects.get(user=user, key=key)
    if row.request_hash != request_hash:
        message = "This Idempotency-Key was used for another request; choose a new key."
        raise Refused(Code.CONFLICT, message, fields={HEADER: [message]})
    return replace(Answer(row.status or 500, row.answer, row.headers), replayed=True)
