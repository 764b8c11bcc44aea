"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """Users, roles and the audit trail."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the role groups after every migrate, and after every flush of a test database."""
        from accounts import signals
        from accounts.api import schema  # noqa: F401 - registers itself with drf-spectacular

        post_migrate.connect(signals.ensure_roles_exist, sender=self, dispatch_uid="accounts.ensure_roles_exist")
        signals.connect_sign_out()
