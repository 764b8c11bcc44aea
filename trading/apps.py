"""The trading app: configurations, sessions, ledgers, control and the engine's database side."""

from __future__ import annotations

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Django app ``trading``."""

    name = "trading"
    default_auto_field = "django.db.models.BigAutoField"
