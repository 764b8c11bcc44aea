"""Passwords: what is accepted, and changing one."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.guards import require_manager
from deltastrangle.exceptions import InvalidInput

SHORTEST, LONGEST = 8, 128
PLACEHOLDERS = frozenset({"change-me", "changeme", "change_me", "change-me-please"})


def check_new_password(password: str, *, user: User | None = None, field: str = "password") -> None:
    """Raise `InvalidInput` (at `field`) unless the password may be used.

    8 to 128 characters, not a placeholder from a template, and accepted by the validators of the settings.
    """
    problems: list[str] = []
    if not SHORTEST <= len(password) <= LONGEST:
        problems.append(f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}.")
    elif password.lower() in PLACEHOLDERS:
        problems.append("This is the placeholder of a template. Choose a password of your own.")
    else:
        try:
            validate_password(password, user)
        except ValidationError as error:
            problems.extend(error.messages)
    if problems:
        raise InvalidInput(" ".join(problems), fields={field: problems})


def change_password(*, user: User, current: str, new: str, request: HttpRequest | None = None) -> None:
    """Change one's own password and end every API token made with the old one.

    Raises `InvalidInput` at `current_password` or `new_password`. The caller keeps the present web session alive with
    `update_session_auth_hash`; the user's other sessions end.
    """
    if not user.check_password(current):
        record_event(actor=user, action="password.change", outcome="refused", request=request)
        message = "This is not your current password."
        raise InvalidInput(message, fields={"current_password": [message]})
    check_new_password(new, user=user, field="new_password")
    _store(user, new)
    record_event(actor=user, action="password.change", outcome="ok", target=user.email, request=request)


def set_password(
    *, actor: User | None, user: User, password: str, request: HttpRequest | None = None, source: str = "admin"
) -> None:
    """Give a user another password, as an admin (`actor`) or from the command line (`None`)."""
    require_manager(actor=actor, user=user)
    check_new_password(password, user=user)
    _store(user, password)
    record_event(actor=actor, action="password.set", outcome="ok", target=user.email, request=request, source=source)


def _store(user: User, password: str) -> None:
    """Every token carries a fingerprint of the password and every session its hash: both end with this write."""
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
