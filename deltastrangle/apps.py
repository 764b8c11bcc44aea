"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class DeltastrangleConfig(AppConfig):
    """The project itself: registers its system checks."""

    name = "deltastrangle"

    def ready(self) -> None:
        """Register the checks of `deltastrangle.checks`."""
        from deltastrangle import checks  # noqa: F401
