"""How often one person may ask. Generous; counted in each web process by itself.

DRF calls these for every request; the rates stand in the settings under DEFAULT_THROTTLE_RATES.
"""

import time
from typing import Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class _Steady(BaseThrottle):
    """One number a person: when their requests, evenly spread, would have come to an end."""

    scope = ""

    def allow_request(self, request: Request, view: Any) -> bool:
        rate = api_settings.DEFAULT_THROTTLE_RATES.get(self.scope)
        if not rate:
            return True
        count, _, period = str(rate).partition("/")
        seconds = PERIODS[period[:1]]
        key, now = f"throttle:{self.scope}:{self.ident(request)}", time.time()
        ends_at = max(now, cache.get(key, now)) + seconds / int(count)
        self._wait = ends_at - now - seconds
        if self._wait > 0:
            return False
        cache.set(key, ends_at, timeout=seconds + 1)
        return True

    def ident(self, request: Request) -> str:
        return self.get_ident(request) or "nobody"

    def wait(self) -> float | None:
        return self._wait


class PerPerson(_Steady):
    """Every request of a person; of an address while nobody is logged in."""

    scope = "user"

    def ident(self, request: Request) -> str:
        return f"user-{request.user.pk}" if request.user and request.user.is_authenticated else super().ident(request)


class PerAddress(_Steady):
    """Attempts to log in, by address."""

    scope = "token"
