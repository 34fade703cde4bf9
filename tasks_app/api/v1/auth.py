"""/auth/token/: JSON web tokens by simplejwt, with our bodies and errors."""

from typing import Any

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.serializers import (
    TokenObtainPairSerializer,
    TokenRefreshSerializer,
    TokenVerifySerializer,
)

from tasks_app.api.resource import refuse_unknown_query
from tasks_app.api.throttles import PerAddress
from tasks_app.api.v1.wishes import AnyToken, Credentials, RefreshToken
from tasks_app.engine.reading import read


class TokenPair(serializers.Serializer):
    """Send `access` as `Authorization: Bearer …`; `refresh` gets a new one."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class AccessToken(serializers.Serializer):
    """A fresh access token."""

    access = serializers.CharField()


class Valid(serializers.Serializer):
    """The token is good."""

    valid = serializers.BooleanField()


class _Tokens(APIView):
    """No one is logged in yet; attempts are counted by address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (PerAddress,)

    def answered(self, request: Request, body: type[BaseModel], serializer: Any) -> dict[str, Any]:
        refuse_unknown_query(request, ())
        judge = serializer(data=read(body, request.data).model_dump(), context={"request": request})
        try:
            judge.is_valid(raise_exception=True)
        except TokenError as exc:
            raise InvalidToken(exc.args[0]) from None
        return dict(judge.validated_data)


class Token(_Tokens):
    """Log in."""

    @extend_schema(request=Credentials, responses=TokenPair)
    def post(self, request: Request) -> Response:
        return Response(self.answered(request, Credentials, TokenObtainPairSerializer))


class Refresh(_Tokens):
    """A new access token."""

    @extend_schema(request=RefreshToken, responses=AccessToken)
    def post(self, request: Request) -> Response:
        return Response(self.answered(request, RefreshToken, TokenRefreshSerializer))


class Verify(_Tokens):
    """Is a token good? 401 if not."""

    @extend_schema(request=AnyToken, responses=Valid)
    def post(self, request: Request) -> Response:
        self.answered(request, AnyToken, TokenVerifySerializer)
        return Response({"valid": True})
