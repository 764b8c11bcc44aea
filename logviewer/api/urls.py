"""Paths under ``/api/``, each with and without a trailing slash."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from logviewer.api import views

urlpatterns: list[URLPattern] = [
    re_path(r"^logs/backend/?$", views.BackendView.as_view(), name="api-logs-backend"),
    re_path(r"^logs/backend/summary/?$", views.SummaryView.as_view(), name="api-logs-summary"),
    re_path(r"^logs/backend/export/?$", views.ExportView.as_view(), name="api-logs-export"),
    # Where the reference's own browser client reports to unless it is told otherwise.
    re_path(r"^logs/?$", views.BatchView.as_view(schema=None)),
    re_path(r"^logs/batch/?$", views.BatchView.as_view(), name="api-logs-batch"),
    re_path(r"^logs/frontend/?$", views.FrontendView.as_view(), name="api-logs-frontend"),
]
