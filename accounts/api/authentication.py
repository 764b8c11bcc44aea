"""Bearer tokens in the API, refused in the reference's words."""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed as MalformedHeader
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from accounts.models import ApiToken, User
from accounts.scopes import CONTROL, READ, SCOPES
from accounts.services.api_tokens import PREFIX, token_of_secret
from accounts.services.tokens import INVALID, user_of_token
from accounts.services.tokens import SCOPES as CLAIM
from deltastrangle.exceptions import NotAuthenticated, PermissionRefused


class ScopeMissing(PermissionRefused):
    """The token was made for something else."""

    code = "insufficient_scope"


def scopes_of(token: object) -> Collection[str]:
    """What a credential may be used for: the scopes it was narrowed to, else all (a web session, a plain login)."""
    narrowed: Collection[str] | None = None
    if isinstance(token, ApiToken):
        narrowed = token.scopes
    elif isinstance(token, Token):
        narrowed = token.get(CLAIM)
    return SCOPES if narrowed is None else narrowed


def require_scope(token: object, *wanted: str) -> None:
    """Raise `ScopeMissing` unless `token` has one of the scopes `wanted`."""
    if not set(wanted) & set(scopes_of(token)):
        raise ScopeMissing(f"This token lacks the scope {' or '.join(wanted)}.")


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer <access token or personal API token>`.

    401 `Invalid authentication credentials` (malformed, expired, forged, revoked, made before a password change), 401
    `User not found`, 403 `Inactive user`, 403 `insufficient_scope`. Without the header, the next class is asked.

    A token needs the scope `read` for GET, HEAD and OPTIONS and `control` for everything else, unless the view names
    others in `write_scopes`.
    """

    # The library leaves the type of the user open.
    def authenticate(self, request: Request) -> tuple[User, Token | ApiToken] | None:  # type: ignore[override]
        """The user and the verified token, or `None` without a bearer header."""
        try:
            header: bytes | None = self.get_header(request)
            raw = self.get_raw_token(header) if header else None
            if raw is None:
                return None
            user, token = self._verified(raw)
        except (InvalidToken, MalformedHeader) as error:
            raise AuthenticationFailed(INVALID, code=NotAuthenticated.code) from error
        except NotAuthenticated as error:
            raise AuthenticationFailed(error.detail, code=error.code) from error
        _check_scope(request, token)
        _name_token(request._request, token)
        return user, token

    def _verified(self, raw: bytes) -> tuple[User, Token | ApiToken]:
        if raw.startswith(PREFIX.encode()):
            found = token_of_secret(raw.decode("utf-8", "replace"))
            return found.user, found
        token = self.get_validated_token(raw)
        return user_of_token(token), token


def _check_scope(request: Request, token: Token | ApiToken) -> None:
    if request.method in SAFE_METHODS:
        require_scope(token, READ)
        return
    view = (request.parser_context or {}).get("view")
    require_scope(token, *getattr(view, "write_scopes", (CONTROL,)))


def _name_token(request: HttpRequest, token: Token | ApiToken) -> None:
    """Leave the personal token's name where the audit trail finds it."""
    if isinstance(token, ApiToken):
        request.api_token_name = str(token)  # type: ignore[attr-defined]
