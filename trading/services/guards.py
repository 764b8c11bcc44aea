"""Who may command the engine, and checks that every command shares."""

from __future__ import annotations

from accounts.models import User
from accounts.permissions import OPERATE_REFUSED, can_operate
from deltastrangle.exceptions import InvalidInput, PermissionRefused

REASON_LENGTH = 255
LOCAL = "command"
"""The source of whoever runs ``manage.py``: a trusted operator on the machine itself, without an account."""


def require_operator(*, actor: User | None, source: str) -> None:
    """Raise ``PermissionRefused`` unless ``actor`` may operate. None may, but from the command line only."""
    trusted = source == LOCAL if actor is None else can_operate(actor)
    if not trusted:
        raise PermissionRefused(OPERATE_REFUSED)


def invalid(field: str, message: str) -> InvalidInput:
    """The error for one bad field."""
    return InvalidInput(message, fields={field: [message]})


def check_reason(reason: str) -> None:
    """Raise ``InvalidInput`` (field ``reason``) for one that does not fit its column."""
    if len(reason) > REASON_LENGTH or "\x00" in reason:
        raise invalid("reason", f"reason must have at most {REASON_LENGTH} characters, and none that is NUL")
