"""Paths under ``/api/``, each with and without a trailing slash."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from analytics.api import views

urlpatterns: list[URLPattern] = [
    re_path(r"^analytics/dashboard/?$", views.DashboardView.as_view(), name="api-analytics-dashboard"),
    re_path(r"^analytics/history/?$", views.HistoryView.as_view(), name="api-analytics-history"),
    re_path(r"^analytics/sessions/?$", views.SessionsView.as_view(), name="api-analytics-sessions"),
    re_path(r"^analytics/export/?$", views.ExportView.as_view(), name="api-analytics-export"),
]
