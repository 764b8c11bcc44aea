"""Checking who somebody is, with a lockout after repeated failures (django-axes counts them)."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_cool_off, get_credentials
from django.contrib.auth import authenticate
from django.db.models import Max
from django.http import HttpRequest
from django.utils import timezone

from accounts import selectors
from accounts.models import User
from accounts.services.audit import client_address, record_event
from accounts.services.guards import require_manager
from deltastrangle.exceptions import ApplicationError, NotAuthenticated, PermissionRefused

INCORRECT = "Incorrect email or password"
INACTIVE = "Inactive user"


class LockedOut(ApplicationError):
    """Too many failures from this address for this e-mail; even the right password is refused until `retry_at`."""

    status = 429
    code = "locked_out"

    def __init__(self, retry_at: datetime) -> None:
        self.retry_at = retry_at
        self.retry_after = max(1, math.ceil((retry_at - timezone.now()).total_seconds()))
        minutes = math.ceil(self.retry_after / 60)
        wait = "1 minute" if minutes == 1 else f"{minutes} minutes"
        super().__init__(f"Too many failed attempts. Try again in {wait}.", retry_after=self.retry_after)


def authenticate_user(*, request: HttpRequest, email: str, password: str, source: str = "web") -> User:
    """The user with this e-mail and password; starting a session or issuing tokens is the caller's part.

    Raises `NotAuthenticated` with the same sentence for an unknown e-mail and a wrong password, `PermissionRefused` for
    a disabled user who knows the password, and `LockedOut`. Every outcome is audited.
    """
    email = User.objects.normalize_email(email)
    user = authenticate(request, username=email, email=email, password=password)
    if isinstance(user, User):
        record_event(actor=user, action="login", outcome="ok", target=email, request=request, source=source)
        return user
    refusal = _refusal(request, email, password)
    if isinstance(refusal, LockedOut) and _lockout_is_on_record(request, email):
        raise refusal
    record_event(
        actor=selectors.user_by_email(email=email),
        actor_email=email,
        action="login",
        outcome="refused",
        target=email,
        request=request,
        source=source,
        detail={"reason": refusal.code},
    )
    raise refusal


def lift_lockout(*, actor: User | None, user: User, request: HttpRequest | None = None, source: str = "admin") -> int:
    """Forget the failed attempts for a user's e-mail from everywhere; returns how many records there were."""
    require_manager(actor=actor, user=user)
    forgotten = int(AxesProxyHandler.reset_attempts(username=user.email))
    record_event(actor=actor, action="user.unlock", outcome="ok", target=user.email, request=request, source=source)
    return forgotten


def _refusal(request: HttpRequest, email: str, password: str) -> ApplicationError:
    credentials = {**get_credentials(email), "username": email, "email": email}
    if not AxesProxyHandler.is_allowed(request, credentials):
        # Ours is the answer to show, not the one AxesMiddleware would put in its place.
        request.axes_locked_out = False  # type: ignore[attr-defined]
        return LockedOut(_retry_at(request, credentials))
    user = selectors.user_by_email(email=email)
    if user and not user.is_active and user.check_password(password):
        return PermissionRefused(INACTIVE)
    return NotAuthenticated(INCORRECT)


def _lockout_is_on_record(request: HttpRequest, email: str) -> bool:
    """Whether this lockout has its event, so that knocking on a locked door does not fill the audit trail."""
    since = timezone.now() - (get_cool_off(request) or timedelta())
    return (
        selectors.audit_events(action="login", target=email)
        .filter(ip=client_address(request), at__gte=since, detail__reason=LockedOut.code)
        .exists()
    )


def _retry_at(request: HttpRequest, credentials: dict[str, str]) -> datetime:
    """When the newest of the counted failures is forgotten."""
    cool_off = get_cool_off(request) or timedelta()
    counted = AxesDatabaseHandler().get_user_attempts(request, credentials)
    newest = [attempts.aggregate(at=Max("attempt_time"))["at"] for attempts in counted]
    return max((at for at in newest if at), default=timezone.now()) + cool_off
