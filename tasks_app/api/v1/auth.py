"""/auth/token/: JSON web tokens by simplejwt, with our bodies and errors."""

from typing import Any, TypeVar

from django.contrib.auth import authenticate
from django.core.exceptions import ObjectDoesNotExist
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt import tokens as jwt
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.serializers import TokenRefreshSerializer, TokenVerifySerializer

from tasks_app.api.resource import refuse_unknown_query
from tasks_app.api.throttles import PerAddress
from tasks_app.api.v1.wishes import AnyToken, Credentials, RefreshToken
from tasks_app.engine.reading import read

B = TypeVar("B", bound=BaseModel)


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

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    def sent(self, request: Request, body: type[B]) -> B:
        """The body; no query parameter means anything here."""
        refuse_unknown_query(request, ())
        return read(body, request.data)

    def judged(self, serializer: Any) -> dict[str, Any]:
        """What simplejwt makes of a token."""
        try:
            serializer.is_valid(raise_exception=True)
        except TokenError as exc:
            raise InvalidToken(exc.args[0]) from None
        except ObjectDoesNotExist:
            raise InvalidToken("The person of this token is gone.") from None
        return dict(serializer.validated_data)


class Token(_Tokens):
    """Log in."""

    @extend_schema(request=Credentials, responses=TokenPair)
    def post(self, request: Request) -> Response:
        person = authenticate(request._request, **self.sent(request, Credentials).model_dump())
        if person is None:
            raise AuthenticationFailed("No active account has this name and password.")
        token = jwt.RefreshToken.for_user(person)
        return Response({"access": str(token.access_token), "refresh": str(token)})


class Refresh(_Tokens):
    """A new access token."""

    @extend_schema(request=RefreshToken, responses=AccessToken)
    def post(self, request: Request) -> Response:
        given = self.sent(request, RefreshToken)
        return Response(self.judged(TokenRefreshSerializer(data=given.model_dump())))


class Verify(_Tokens):
    """Is a token good? 401 if not."""

    @extend_schema(request=AnyToken, responses=Valid)
    def post(self, request: Request) -> Response:
        self.judged(TokenVerifySerializer(data=self.sent(request, AnyToken).model_dump()))
        return Response({"valid": True})
