"""Paths under `/api/auth/`, each with and without a trailing slash: no redirect loses a POST."""

from __future__ import annotations

from django.urls import re_path

from accounts.api import token_views, views

app_name = "accounts-api"
urlpatterns = [
    re_path(r"^register/?$", views.RegisterView.as_view(), name="register"),
    re_path(r"^login/?$", views.LoginView.as_view(), name="login"),
    re_path(r"^refresh/?$", views.RefreshView.as_view(), name="refresh"),
    re_path(r"^logout/?$", views.LogoutView.as_view(), name="logout"),
    re_path(r"^me/?$", views.MeView.as_view(), name="me"),
    re_path(r"^tokens/?$", token_views.ApiTokensView.as_view(), name="tokens"),
    re_path(r"^tokens/(?P<pk>[0-9]{1,18})/?$", token_views.ApiTokenView.as_view(), name="token"),
]
