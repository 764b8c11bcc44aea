"""Paths under ``/api/``, each with and without a trailing slash: no redirect loses a POST."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, re_path

from trading.api import alerts, control, fees, risk, sessions
from trading.api.configurations import configuration_api_urls
from trading.api.positions import position_api_urls
from trading.api.revisions import revision_api_urls

ID = r"(?P<pk>[0-9]{1,18})"

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^trading/control/?$", control.ControlView.as_view(), name="api-control"),
    re_path(r"^trading/commands/?$", risk.CommandsView.as_view(), name="api-commands"),
    re_path(r"^trading/risk/?$", risk.RiskView.as_view(), name="api-risk"),
    re_path(rf"^trading/commands/{ID}/?$", control.CommandView.as_view(), name="api-command"),
    re_path(r"^trading/heartbeat/?$", control.HeartbeatView.as_view(), name="api-heartbeat"),
    re_path(r"^trading/runtime/?$", control.RuntimeView.as_view(), name="api-runtime"),
    re_path(r"^trading/mode/?$", control.ModeView.as_view(), name="api-mode"),
    re_path(r"^trading/sessions/?$", sessions.SessionsView.as_view(), name="api-sessions"),
    re_path(r"^trading/sessions/export/?$", sessions.SessionExportView.as_view(), name="api-sessions-export"),
    re_path(r"^trading/sessions/cleanup/?$", sessions.CleanupView.as_view(), name="api-sessions-cleanup"),
    re_path(rf"^trading/sessions/{ID}/decisions/?$", sessions.DecisionsView.as_view(), name="api-decisions"),
    re_path(rf"^trading/sessions/{ID}/?$", sessions.SessionView.as_view(), name="api-session"),
    re_path(r"^trading/alerts/?$", alerts.AlertsView.as_view(), name="api-alerts"),
    re_path(r"^trading/alerts/acknowledge-all/?$", alerts.AcknowledgeAllView.as_view(), name="api-alerts-acknowledge"),
    re_path(rf"^trading/alerts/{ID}/acknowledge/?$", alerts.AcknowledgeView.as_view(), name="api-alert-acknowledge"),
    re_path(r"^trading/lockouts/?$", alerts.LockoutsView.as_view(), name="api-lockouts"),
    re_path(rf"^trading/lockouts/{ID}/lift/?$", alerts.LiftView.as_view(), name="api-lockout-lift"),
    re_path(r"^trading/gates/?$", alerts.GatesView.as_view(), name="api-gates"),
    *position_api_urls,
    re_path(r"^trading/fees/quote/?$", fees.FeeQuoteView.as_view(), name="api-fees-quote"),
    *configuration_api_urls,
    *revision_api_urls,
]
