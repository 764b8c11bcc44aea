"""The root of all URLs; each app brings its own."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.negotiation import DefaultContentNegotiation

from deltastrangle.api_docs import api_docs
from deltastrangle.health import healthz

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^healthz/?$", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    re_path(
        r"^api/schema/?$",
        SpectacularAPIView.as_view(content_negotiation_class=DefaultContentNegotiation),
        name="schema",
    ),
    re_path(r"^api/docs/?$", api_docs, name="api-docs"),
    path("api/auth/", include("accounts.api.urls")),
    path("api/", include("trading.api.urls")),
    path("api/", include("analytics.api.urls")),
    path("api/", include("logviewer.api.urls")),
    path("", include("accounts.urls")),
    path("", include("trading.urls")),
    path("", include("analytics.urls")),
    path("", include("logviewer.urls")),
]

handler400 = "deltastrangle.errors.bad_request"
handler403 = "deltastrangle.errors.permission_denied"
handler404 = "deltastrangle.errors.page_not_found"
handler500 = "deltastrangle.errors.server_error"
