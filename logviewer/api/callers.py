"""Who may send reports: a key, a session of this site, a token; how often; and in which dress."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils.crypto import constant_time_compare
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from accounts.api.permissions import IsViewer
from accounts.services.audit import client_address

HEADER: Final = "X-Log-API-Key"
WRONG_KEY: Final = "Invalid log API key"
KEY: Final = "log-key"


class LogKeyAuthentication(BaseAuthentication):
    """``X-Log-API-Key``, when one is configured; 401 `Invalid log API key` for another."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, str] | None:
        """Nobody in particular, with the right key; ``None`` without the header."""
        given = request.headers.get(HEADER)
        if given is None:
            return None
        wanted = settings.LOG_INGEST_API_KEY
        if not wanted or not constant_time_compare(given.encode(), wanted.encode()):
            raise AuthenticationFailed(WRONG_KEY, code="not_authenticated")
        return AnonymousUser(), KEY

    def authenticate_header(self, request: Request) -> str:
        """What 401 says to send."""
        return HEADER


class BeaconSession(SessionAuthentication):
    """The session of a page of this site. A beacon can carry no CSRF header, but the browser names its origin."""

    def enforce_csrf(self, request: Request) -> None:
        """Let our own origin pass; anything else needs the CSRF token."""
        own = f"{request.scheme}://{request.get_host()}"
        if request.headers.get("Origin") not in {own, *settings.CSRF_TRUSTED_ORIGINS}:
            super().enforce_csrf(request)


class MayReport(BasePermission):
    """The key, or whoever may see the platform."""

    message = IsViewer.message

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller may report."""
        return request.auth == KEY or IsViewer().has_permission(request, view)


class ReportThrottle(SimpleRateThrottle):
    """By the peer's address."""

    scope = "reports"

    def get_rate(self) -> str | None:
        """``LOG_INGEST_RATE``; None is without a limit."""
        return settings.LOG_INGEST_RATE

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        """One counter per address; reading costs nothing."""
        return f"throttle-reports-{client_address(request._request)}" if request.method == "POST" else None


class BeaconParser(JSONParser):
    """JSON in the dress of plain text, as ``navigator.sendBeacon`` sends a string."""

    media_type = "text/plain"


class LogKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The key in the API's description."""

    target_class = "logviewer.api.callers.LogKeyAuthentication"
    name = "logKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An API key in a header."""
        return {"type": "apiKey", "in": "header", "name": HEADER}


class BeaconScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The session's cookie in the API's description."""

    target_class = "logviewer.api.callers.BeaconSession"
    name = "beaconCookie"
