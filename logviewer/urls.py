"""Pages of the logviewer app."""

from __future__ import annotations

from django.urls import URLPattern, path

from logviewer import views

urlpatterns: list[URLPattern] = [
    path("logs/", views.logs, name="logs"),
    path("logs/export.csv", views.export_csv, name="logs-export"),
]
