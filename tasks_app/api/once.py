"""`Idempotency-Key` on a view's method: `@once` answers a repeated request with the first one's answer."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import User
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from tasks_app.domain.refusals import invalid
from tasks_app.engine.idempotency import HEADER, Answer, answer_once

LONGEST = 200
KEPT_HEADERS = ("Location", "ETag")
View = Callable[..., Response]


def once(method: View) -> View:
    """Wrap a method that creates something. Without the header it runs as it is."""

    @wraps(method)
    def answered(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return method(view, request, *args, **kwargs)

        def work() -> Answer:
            return _kept(method(view, request, *args, **kwargs))

        assert isinstance(request.user, User), "only authenticated requests come here"
        found = answer_once(work, user=request.user, key=_checked(key), request_hash=fingerprint(request))
        return _repeated(found)

    answered.takes_idempotency_key = True  # type: ignore[attr-defined]
    return answered


def fingerprint(request: Request) -> str:
    """Two requests are the same when method, address and JSON body are."""
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    text = "\n".join((request.method or "", request.get_full_path(), body))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _checked(key: str) -> str:
    if not 1 <= len(key) <= LONGEST or not all("!" <= letter <= "~" for letter in key):
        raise invalid(HEADER, f"Give 1 to {LONGEST} printable ASCII characters without spaces, such as a UUID.")
    return key


def _kept(response: Response) -> Answer:
    body = json.loads(json.dumps(response.data, cls=JSONEncoder))
    return Answer(response.status_code, body, {name: response[name] for name in KEPT_HEADERS if name in response})


def _repeated(answer: Answer) -> Response:
    headers = {**answer.headers, "Idempotent-Replayed": "true"} if answer.replayed else dict(answer.headers)
    return Response(answer.body, status=answer.status, headers=headers)
