"""API tokens: JWT access tokens for minutes, and refresh tokens that serve once and can be revoked.

Both carry a fingerprint of the password (Django's session hash), so a changed password ends them at once, as it ends
web sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from django.db import transaction
from django.utils.crypto import constant_time_compare
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, Token

from accounts.backends import user_with_permissions
from accounts.models import User
from deltastrangle.exceptions import NotAuthenticated, PermissionRefused

INVALID = "Invalid authentication credentials"
UNKNOWN_USER = "User not found"
INACTIVE = "Inactive user"
FINGERPRINT = "pwd"
SCOPES = "scopes"


class Tokens(TypedDict):
    """What a client gets: two JWTs; send the first as `Authorization: Bearer …`."""

    access_token: str
    refresh_token: str
    token_type: str


def issue_tokens(*, user: User, scopes: Sequence[str] | None = None) -> Tokens:
    """A fresh pair for a user whose identity is established, good for `scopes` only (None: all the role allows)."""
    refresh = RefreshToken.for_user(user)
    refresh[FINGERPRINT] = _fingerprint(user)
    if scopes is not None:
        refresh[SCOPES] = list(scopes)
    return {"access_token": str(refresh.access_token), "refresh_token": str(refresh), "token_type": "bearer"}


def refresh_tokens(*, refresh: str) -> tuple[User, Tokens]:
    """Exchange a refresh token for a new pair. It serves once: of two exchanges at the same time one is refused.

    Raises `NotAuthenticated`, and `PermissionRefused` for a disabled user.
    """
    token = _read(refresh)
    user = user_of_token(token)
    with transaction.atomic():
        _use_up(token)
        return user, issue_tokens(user=user, scopes=token.get(SCOPES))


def revoke_token(*, refresh: str, user: User) -> None:
    """End a refresh token of this user. Raises `NotAuthenticated` when it is not a valid one of theirs."""
    token = _read(refresh)
    if user_of_token(token) != user:
        raise NotAuthenticated(INVALID)
    _use_up(token)


def revoke_all(*, user: User) -> None:
    """End every refresh token of the user that is still good."""
    good = OutstandingToken.objects.filter(user=user, blacklistedtoken__isnull=True)
    BlacklistedToken.objects.bulk_create([BlacklistedToken(token=token) for token in good], ignore_conflicts=True)


def user_of_token(token: Token) -> User:
    """The user a verified token speaks for. Raises `NotAuthenticated`, or `PermissionRefused` for a disabled user."""
    identity = str(token.get(api_settings.USER_ID_CLAIM, ""))
    if not identity.isdecimal():
        raise NotAuthenticated(INVALID)
    user = user_with_permissions(int(identity))
    if user is None:
        raise NotAuthenticated(UNKNOWN_USER)
    if not user.is_active:
        raise PermissionRefused(INACTIVE)
    if not constant_time_compare(str(token.get(FINGERPRINT, "")), _fingerprint(user)):
        raise NotAuthenticated(INVALID)
    return user


def _read(refresh: str) -> RefreshToken:
    try:
        # The library's annotation says Token where it takes the encoded text.
        return RefreshToken(refresh)  # type: ignore[arg-type]
    except TokenError as error:
        raise NotAuthenticated(INVALID) from error


def _use_up(token: RefreshToken) -> None:
    stored = OutstandingToken.objects.filter(jti=token[api_settings.JTI_CLAIM]).first()
    if stored is None or not BlacklistedToken.objects.get_or_create(token=stored)[1]:
        raise NotAuthenticated(INVALID)


def _fingerprint(user: User) -> str:
    return user.get_session_auth_hash()[:32]
