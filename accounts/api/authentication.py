"""Bearer tokens in the API, refused in the reference's words."""

from __future__ import annotations

from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed as MalformedHeader
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from accounts.models import User
from accounts.services.tokens import INVALID, user_of_token
from deltastrangle.exceptions import NotAuthenticated


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer <access token>`.

    401 `Invalid authentication credentials` (malformed, expired, forged, made before a password change), 401 `User not
    found`, 403 `Inactive user`. Without the header, the next class is asked.
    """

    # The library leaves the type of the user open.
    def authenticate(self, request: Request) -> tuple[User, Token] | None:  # type: ignore[override]
        """The user and the verified token, or `None` without a bearer header."""
        try:
            header: bytes | None = self.get_header(request)
            raw = self.get_raw_token(header) if header else None
            if raw is None:
                return None
            token = self.get_validated_token(raw)
            return user_of_token(token), token
        except (InvalidToken, MalformedHeader) as error:
            raise AuthenticationFailed(INVALID, code=NotAuthenticated.code) from error
        except NotAuthenticated as error:
            raise AuthenticationFailed(error.detail, code=error.code) from error
