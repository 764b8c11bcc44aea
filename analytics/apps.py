"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Statistics over closed sessions, read through `trading.selectors`."""

    name = "analytics"
