"""Is the process alive, is it ready to serve? `live` touches nothing; `ready` asks the database and the broker."""

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from tasks_app.queries.health import readiness


@csrf_exempt
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; no I/O."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when database and broker answer, 503 with the failing part otherwise."""
    parts = readiness()
    ok = all(part == "ok" for part in parts.values())
    return JsonResponse({"status": "ok" if ok else "unavailable", **parts}, status=200 if ok else 503)


urlpatterns = [
    path("live", live),
    path("live/", live, name="health-live"),
    path("ready", ready),
    path("ready/", ready, name="health-ready"),
]
