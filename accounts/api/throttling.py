"""How often the API may be asked to sign somebody in or to command. Over the limit: 429 with `Retry-After`."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from accounts.services.audit import client_address


class LoginThrottle(SimpleRateThrottle):
    """By the peer's address, right or wrong password alike; the lockout of an account is another thing."""

    scope = "login"

    def get_rate(self) -> str | None:
        """`API_LOGIN_RATE`; None is without a limit."""
        return settings.API_LOGIN_RATE

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        """One counter per address. What a client writes into `X-Forwarded-For` is its own business."""
        return f"throttle-login-{client_address(request._request)}"


class ControlThrottle(SimpleRateThrottle):
    """By user. A panic always passes: the way out must not be closed by a script gone wild."""

    scope = "control"

    def get_rate(self) -> str | None:
        """`API_CONTROL_RATE`; None is without a limit."""
        return settings.API_CONTROL_RATE

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        """One counter per user; reading costs nothing."""
        return None if request.method in ("GET", "HEAD", "OPTIONS") else f"throttle-control-{request.user.pk}"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether this one may pass."""
        data = request.data if request.method == "POST" else None
        if isinstance(data, Mapping) and data.get("action") == "panic":
            return True
        return super().allow_request(request, view)
