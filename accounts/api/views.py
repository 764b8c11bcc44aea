"""The authentication API, one class per operation."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.api.authentication import BearerAuthentication
from accounts.api.serializers import LoginInput, RefreshInput, RegisterInput, TokensRead, UserRead
from accounts.api.throttling import LoginThrottle
from accounts.models import User
from accounts.scopes import SCOPES
from deltastrangle.exceptions import ApplicationError


class OpenView(APIView):
    """Base for callers who are nobody yet; a stale token in the header does not keep them from signing in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (JSONParser, FormParser, MultiPartParser)


class SignedInView(APIView):
    """Base for callers with a token or a web session, of any role or none."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class RegisterView(OpenView):
    """Make one's own account, where the platform allows it."""

    @extend_schema(operation_id="auth_register", request=RegisterInput, responses={201: UserRead})
    def post(self, request: Request) -> Response:
        """201 with the new viewer; 403 when closed, 400 `User already exists`, 422 at a field."""
        given = RegisterInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        user = services.register(
            email=data["email"],
            password=data["password"],
            full_name=data.get("full_name") or "",
            request=request._request,
        )
        return Response(UserRead(user).data, status=status.HTTP_201_CREATED)


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class LoginView(OpenView):
    """Exchange e-mail and password for tokens."""

    throttle_classes = (LoginThrottle,)

    @extend_schema(operation_id="auth_login", request=LoginInput, responses=TokensRead)
    def post(self, request: Request) -> Response:
        """200 with tokens; 400 malformed, 401 wrong, 403 `Inactive user`, 429 locked out with `Retry-After`."""
        given = LoginInput(data=request.data)
        if not given.is_valid():
            fields = {name: [str(problem) for problem in problems] for name, problems in given.errors.items()}
            raise ApplicationError("Send a username (an e-mail address) and a password.", fields=fields)
        http = request._request
        data = given.validated_data
        user = services.authenticate_user(request=http, email=data["username"], password=data["password"], source="api")
        user_logged_in.send(sender=User, request=http, user=user)
        return _tokens_response(user, services.issue_tokens(user=user, scopes=given.asked_scopes()))

    def handle_exception(self, exc: Exception) -> Response:
        """Say in a header, too, when a locked-out caller may come back."""
        response = super().handle_exception(exc)
        if isinstance(exc, services.LockedOut):
            response["Retry-After"] = str(exc.retry_after)
        return response


class RefreshView(OpenView):
    """Exchange a refresh token for a new pair; the old one is used up."""

    throttle_classes = (LoginThrottle,)

    @extend_schema(operation_id="auth_refresh", request=RefreshInput, responses=TokensRead)
    def post(self, request: Request) -> Response:
        """200 with tokens; 401 for a token that is invalid, expired, used or revoked; 403 for a disabled user."""
        given = RefreshInput(data=request.data)
        given.is_valid(raise_exception=True)
        user, tokens = services.refresh_tokens(refresh=given.validated_data["refresh_token"])
        return _tokens_response(user, tokens)


class LogoutView(SignedInView):
    """Give up a refresh token. The access token, good for minutes, ends by itself."""

    write_scopes = SCOPES

    @extend_schema(operation_id="auth_logout", request=RefreshInput, responses={204: None})
    def post(self, request: Request) -> Response:
        """204; 401 when the refresh token is not a valid one of the caller."""
        given = RefreshInput(data=request.data)
        given.is_valid(raise_exception=True)
        user = _user(request)
        services.revoke_token(refresh=given.validated_data["refresh_token"], user=user)
        services.record_event(actor=user, action="logout", outcome="ok", request=request._request, source="api")
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(SignedInView):
    """Who the caller is."""

    @extend_schema(operation_id="auth_me", responses=UserRead)
    def get(self, request: Request) -> Response:
        """200 with the caller."""
        return Response(UserRead(_user(request)).data)


def _user(request: Request) -> User:
    user = request.user
    assert isinstance(user, User)
    return user


def _tokens_response(user: User, tokens: services.Tokens) -> Response:
    data: dict[str, Any] = {**tokens, "user": UserRead(user).data}
    return Response(data, headers={"Cache-Control": "no-store"})
