"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Statistics over closed sessions, read through `trading.selectors`."""

    name = "analytics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen for sessions that end."""
        from analytics.receivers import connect

        connect()
