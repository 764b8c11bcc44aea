"""Personal API tokens: made by operators, hashed at rest, shown once, narrowed by scopes, ended by time or by hand."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from django.db import OperationalError
from django.http import HttpRequest
from django.utils import timezone

from accounts import scopes, selectors
from accounts.models import ApiToken, User
from accounts.permissions import OPERATE_REFUSED, can_manage_users, can_operate
from accounts.services.audit import record_event
from accounts.services.tokens import INACTIVE, INVALID
from deltastrangle.exceptions import Conflict, InvalidInput, NotAuthenticated, NotFound, PermissionRefused

PREFIX: Final = "dst_"
MOST_TOKENS: Final = 20
MOST_DAYS: Final = 365
USED_EVERY: Final = timedelta(minutes=5)
"""How exact `last_used_at` is: a read must not cost a write each time."""


def create_api_token(
    *,
    actor: User,
    name: str,
    asked: Sequence[str],
    days: int,
    request: HttpRequest | None = None,
    source: str = "web",
) -> tuple[ApiToken, str]:
    """Make a token of `actor` with the scopes `asked`, good for `days`; returns it and the secret, to show once.

    Raises `PermissionRefused` for who is no operator, `InvalidInput` (`name`, `scopes`, `days`) and `Conflict` when
    there are 20 good ones already.
    """
    title, kept = name.replace("\x00", "").strip(), scopes.known(asked)
    if not can_operate(actor):
        record_event(
            actor=actor, action="token.create", outcome="refused", target=title, request=request, source=source
        )
        raise PermissionRefused(OPERATE_REFUSED)
    _check(title, asked, kept, days)
    if sum(token.state == "active" for token in selectors.api_tokens_of(actor)) >= MOST_TOKENS:
        raise Conflict(f"You have {MOST_TOKENS} tokens. Revoke one you no longer need.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=actor,
        name=title,
        hint=secret[:8],
        digest=_digest(secret),
        fingerprint=actor.get_session_auth_hash(),
        scopes=kept,
        expires_at=timezone.now() + timedelta(days=days),
    )
    detail = {"hint": token.hint, "scopes": kept, "expires_at": token.expires_at}
    record_event(
        actor=actor, action="token.create", outcome="ok", target=title, request=request, source=source, detail=detail
    )
    return token, secret


def revoke_api_token(*, actor: User, token_id: int, request: HttpRequest | None = None, source: str = "web") -> None:
    """End a token of one's own, or as an admin anybody's; ending it again does nothing. Raises `NotFound`."""
    found = ApiToken.objects.select_related("user").filter(pk=token_id)
    token = (found if can_manage_users(actor) else found.filter(user=actor)).first()
    if token is None:
        raise NotFound("Token not found")
    if not found.filter(revoked_at=None).update(revoked_at=timezone.now()):
        return
    record_event(
        actor=actor,
        action="token.revoke",
        outcome="ok",
        target=token.name,
        request=request,
        source=source,
        detail={"hint": token.hint, "owner": token.user.email},
    )


def token_of_secret(secret: str) -> ApiToken:
    """The good token of this secret, with its user, noted as used. Raises `NotAuthenticated`, or `PermissionRefused`
    for a disabled user."""
    token = ApiToken.objects.select_related("user").filter(digest=_digest(secret)).first()
    if token is None or token.state != "active":
        raise NotAuthenticated(INVALID)
    if not token.user.is_active:
        raise PermissionRefused(INACTIVE)
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USED_EVERY:
        # A busy database must not refuse a good token.
        with suppress(OperationalError):
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _check(name: str, asked: Sequence[str], kept: Sequence[str], days: int) -> None:
    fields: dict[str, list[str]] = {}
    if not 1 <= len(name) <= 60:
        fields["name"] = ["Give the token a name of 1 to 60 characters."]
    if not kept or set(asked) - set(kept):
        fields["scopes"] = [f"Choose one or more of {', '.join(scopes.SCOPES)}."]
    if not 1 <= days <= MOST_DAYS:
        fields["days"] = [f"A token lives 1 to {MOST_DAYS} days."]
    if fields:
        raise InvalidInput(" ".join(problem for problems in fields.values() for problem in problems), fields=fields)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
