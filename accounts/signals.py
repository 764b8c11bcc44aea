"""Receivers: the role groups after a migrate, and the audit of a sign-out wherever it happens."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.contrib.auth.signals import user_logged_out
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest

from accounts import roles


def ensure_roles_exist(
    sender: AppConfig, using: str = DEFAULT_DB_ALIAS, apps: Apps = global_apps, **kwargs: Any
) -> None:
    """Make the role groups, unless this migrate stopped before (or went back past) the tables they need."""
    try:
        apps.get_model("auth", "Group")
        apps.get_model("accounts", "User")
    except LookupError:
        return
    roles.ensure_groups(app_config=sender, apps=apps, using=using)


def connect_sign_out() -> None:
    """Audit every end of a web session: our page, the Django admin, anything that calls `logout`."""
    user_logged_out.connect(audit_sign_out, dispatch_uid="accounts.audit_sign_out")


def audit_sign_out(sender: type, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """Record who signed out; a session that belonged to nobody leaves no event."""
    from accounts.models import User
    from accounts.services import record_event

    if isinstance(user, User):
        record_event(actor=user, action="logout", outcome="ok", request=request)
