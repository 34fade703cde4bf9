"""The API's own description: OpenAPI, Swagger UI and ReDoc, served from this machine.

The pages carry a content security policy that keeps a browser from asking any other host.
"""

from typing import Any

from django.http import HttpRequest
from django.urls import path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny
from rest_framework.response import Response

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; "
    "object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
)


class Schema(SpectacularAPIView):
    """OpenAPI 3.1, open to everybody: it tells what can be asked, nothing of what is here."""

    permission_classes = (AllowAny,)
    authentication_classes = ()


class Swagger(SpectacularSwaggerView):
    """Swagger UI, for trying things out."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        return _closed(super().get(request, *args, **kwargs))  # type: ignore[no-untyped-call]


class Redoc(SpectacularRedocView):
    """ReDoc, for reading. Our template leaves out the web fonts."""

    permission_classes = (AllowAny,)
    authentication_classes = ()
    template_name = "api/redoc.html"

    @extend_schema(exclude=True)
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        return _closed(super().get(request, *args, **kwargs))  # type: ignore[no-untyped-call]


def _closed(response: Response) -> Response:
    response["Content-Security-Policy"] = POLICY
    return response


urlpatterns = [
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", Swagger.as_view(url_name="schema"), name="swagger"),
    path("redoc/", Redoc.as_view(url_name="schema"), name="redoc"),
]
