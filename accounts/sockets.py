"""Who opens a WebSocket: a program with a bearer token, or a page with the session cookie of this site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.security.websocket import AllowedHostsOriginValidator
from django.contrib.auth.models import AnonymousUser
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from accounts.api.authentication import require_scope
from accounts.models import User
from accounts.scopes import READ
from accounts.services.api_tokens import PREFIX, token_of_secret
from accounts.services.tokens import INVALID, user_of_token
from deltastrangle.exceptions import ApplicationError, NotAuthenticated

SUBPROTOCOL: Final = "bearer"


class CredentialMiddleware:
    """Puts the caller into ``scope["user"]``.

    A token comes as `Authorization: Bearer …`, or as the subprotocols `bearer, <token>` where headers cannot be set;
    never in the address, which is logged. It decides alone: cookies are not looked at, so the origin does not matter,
    which programs do not send. ``scope["refusal"]`` is the error for a token that is no good. Without a token the
    session's cookie counts, from pages of this site only.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.with_cookies = AllowedHostsOriginValidator(AuthMiddlewareStack(app))

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> Any:
        """Pass the connection on with its user."""
        raw = token_in(scope)
        if raw is None:
            return await self.with_cookies(scope, receive, send)
        known: dict[str, Any] = {**scope, "bearer": raw}
        try:
            known["user"] = await database_sync_to_async(user_of_bearer)(raw)
        except ApplicationError as refusal:
            known |= {"user": AnonymousUser(), "refusal": refusal}
        return await self.app(known, receive, send)


def token_in(scope: Mapping[str, Any]) -> str | None:
    """The bearer token a connection was opened with, or None."""
    for name, value in scope.get("headers", ()):
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].strip().decode("latin-1"))
    offered = list(scope.get("subprotocols") or ())
    return offered[1] if len(offered) > 1 and offered[0] == SUBPROTOCOL else None


def user_of_bearer(raw: str) -> User:
    """The user of a JWT access token or a personal token that may read. Raises `NotAuthenticated` or
    `PermissionRefused` (a disabled user, a token without the scope)."""
    if raw.startswith(PREFIX):
        token = token_of_secret(raw)
        require_scope(token, READ)
        return token.user
    try:
        # The library's annotation says Token where it takes the encoded text.
        verified = AccessToken(raw)  # type: ignore[arg-type]
    except TokenError as error:
        raise NotAuthenticated(INVALID) from error
    require_scope(verified, READ)
    return user_of_token(verified)
