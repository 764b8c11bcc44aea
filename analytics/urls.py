"""Pages of the analytics app."""

from __future__ import annotations

from django.urls import URLPattern, path

from analytics import views

urlpatterns: list[URLPattern] = [
    path("analytics/", views.analytics, name="analytics"),
    path("analytics/export.csv", views.export_csv, name="analytics-export"),
    path("analytics/<slug:name>.csv", views.chart_csv, name="analytics-chart"),
]
