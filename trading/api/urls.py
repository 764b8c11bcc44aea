"""Paths under ``/api/``, each with and without a trailing slash: no redirect loses a POST."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, re_path

from trading.api import control, sessions
from trading.api.configurations import configuration_api_urls

ID = r"(?P<pk>[0-9]{1,18})"

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^trading/control/?$", control.ControlView.as_view(), name="api-control"),
    re_path(rf"^trading/commands/{ID}/?$", control.CommandView.as_view(), name="api-command"),
    re_path(r"^trading/heartbeat/?$", control.HeartbeatView.as_view(), name="api-heartbeat"),
    re_path(r"^trading/runtime/?$", control.RuntimeView.as_view(), name="api-runtime"),
    re_path(r"^trading/mode/?$", control.ModeView.as_view(), name="api-mode"),
    re_path(r"^trading/sessions/?$", sessions.SessionsView.as_view(), name="api-sessions"),
    re_path(r"^trading/sessions/cleanup/?$", sessions.CleanupView.as_view(), name="api-sessions-cleanup"),
    re_path(rf"^trading/sessions/{ID}/?$", sessions.SessionView.as_view(), name="api-session"),
    *configuration_api_urls,
]
