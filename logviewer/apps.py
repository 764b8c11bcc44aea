"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class LogviewerConfig(AppConfig):
    """Ingest, search and retention of the platform's own logs."""

    name = "logviewer"
