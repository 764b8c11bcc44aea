"""``manage.py bootstrap_local``."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.services import ensure_initial_superuser
from deltastrangle.exceptions import ApplicationError
from trading.management.base import refused
from trading.management.demo import DEMO_CONFIGURATION
from trading.models import TradingConfiguration
from trading.services.configurations import create_configuration
from trading.services.guards import LOCAL

EMAIL = "admin@example.com"


class Command(BaseCommand):
    """Make a fresh installation usable: a first admin and a demo configuration. Does nothing the second time."""

    help = "Make the first admin (printing a generated password once) and a demo configuration, if there are none."

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 1 when the e-mail or the password given in the environment is refused."""
        try:
            self._ensure_admin()
            self._ensure_configuration()
        except ApplicationError as error:
            raise refused(error) from error

    def _ensure_admin(self) -> None:
        email = settings.INITIAL_SUPERUSER_EMAIL or EMAIL
        user, created, generated = ensure_initial_superuser(email, settings.INITIAL_SUPERUSER_PASSWORD or None)
        if not created:
            self.stdout.write(f"Admin account: {user.email} (exists)")
            return
        self.stdout.write(f"Admin account: {user.email} (new)")
        if generated:
            self.stdout.write(f"Password, shown this once: {generated}")

    def _ensure_configuration(self) -> None:
        if TradingConfiguration.objects.exists():
            return
        made = create_configuration(actor=None, values={**DEMO_CONFIGURATION, "is_active": True}, source=LOCAL)
        self.stdout.write(f"Demo configuration: {made.name} (active, paper)")
