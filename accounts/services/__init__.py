"""Every write of this app: users and roles, passwords, signing in and out, tokens, the audit trail."""

from __future__ import annotations

from accounts.services.api_tokens import create_api_token, revoke_api_token, token_of_secret
from accounts.services.audit import record_event
from accounts.services.passwords import change_password, check_new_password, set_password
from accounts.services.signing_in import LockedOut, authenticate_user, lift_lockout
from accounts.services.tokens import Tokens, issue_tokens, refresh_tokens, revoke_token, user_of_token
from accounts.services.users import (
    RegistrationClosed,
    UserExists,
    create_user,
    edit_user,
    ensure_initial_superuser,
    register,
    set_active,
    set_role,
)

__all__ = [
    "LockedOut",
    "RegistrationClosed",
    "Tokens",
    "UserExists",
    "authenticate_user",
    "change_password",
    "check_new_password",
    "create_api_token",
    "create_user",
    "edit_user",
    "ensure_initial_superuser",
    "issue_tokens",
    "lift_lockout",
    "record_event",
    "refresh_tokens",
    "register",
    "revoke_api_token",
    "revoke_token",
    "set_active",
    "set_password",
    "set_role",
    "token_of_secret",
    "user_of_token",
]
