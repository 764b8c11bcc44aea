"""`manage.py ensure_superuser`: the first admin, from the settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import services
from deltastrangle.exceptions import ApplicationError


class Command(BaseCommand):
    """Make the admin of `INITIAL_SUPERUSER_EMAIL` unless there is one; safe to run at every start."""

    help = "Make the first admin from INITIAL_SUPERUSER_EMAIL and INITIAL_SUPERUSER_PASSWORD."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the admin; a password that had to be generated is printed here, once, and nowhere else."""
        if not settings.INITIAL_SUPERUSER_EMAIL:
            raise CommandError("Set INITIAL_SUPERUSER_EMAIL to the e-mail address of the first admin.")
        try:
            user, created, generated = services.ensure_initial_superuser(
                settings.INITIAL_SUPERUSER_EMAIL, settings.INITIAL_SUPERUSER_PASSWORD or None
            )
        except ApplicationError as error:
            raise CommandError(f"INITIAL_SUPERUSER_EMAIL/PASSWORD: {error.detail}") from error
        self.stdout.write(f"Made the admin {user.email}." if created else f"{user.email} exists already.")
        if generated:
            self.stdout.write(f"Password (shown this once): {generated}")
