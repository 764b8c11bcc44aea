"""The project's own middleware: correlation ids, the content security policy, CORS and errors raised by services."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from deltastrangle.errors import render_application_error
from deltastrangle.exceptions import ApplicationError
from deltastrangle.logs import logging_context

if TYPE_CHECKING:
    GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]

CORRELATION_HEADER = "X-Correlation-ID"
ALLOWED_HEADERS = ", ".join(
    # The last two are what the reference's pages send with their calls and their telemetry.
    ("Authorization", "Content-Type", "Idempotency-Key", CORRELATION_HEADER, "X-Client-Session", "X-Log-API-Key")
)
CORRELATION_SHAPE = re.compile(r"[A-Za-z0-9._-]{1,128}")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # Browsers count ws:// and wss:// of the same host as 'self' (CSP level 3).
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class Middleware:
    """Base of the middleware here: works in a sync and in an async stack without a thread hop."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Pass the request on and finish its response."""
        if self.is_async:
            return self._call_async(request)
        return self.finish(request, cast(HttpResponseBase, self.get_response(request)))

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        return self.finish(request, await cast(Awaitable[HttpResponseBase], self.get_response(request)))

    def finish(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The response as it leaves."""
        return response


class ContentSecurityPolicyMiddleware(Middleware):
    """Only our own scripts, styles, images, fonts and sockets; no frames around us."""

    def finish(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the policy, unless the view has set its own."""
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class CorrelationIdMiddleware(Middleware):
    """Take the caller's `X-Correlation-ID` (or make one), bind it to the logs and send it back."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serve the request inside the logging context of its id."""
        given = request.headers.get(CORRELATION_HEADER, "")
        chosen = given if CORRELATION_SHAPE.fullmatch(given) else uuid.uuid4().hex
        request.correlation_id = chosen  # type: ignore[attr-defined]
        if self.is_async:
            return self._serve_async(request, chosen)
        with logging_context(correlation_id=chosen):
            response = cast(HttpResponseBase, self.get_response(request))
        response.headers[CORRELATION_HEADER] = chosen
        return response

    async def _serve_async(self, request: HttpRequest, chosen: str) -> HttpResponseBase:
        with logging_context(correlation_id=chosen):
            response = await cast(Awaitable[HttpResponseBase], self.get_response(request))
        response.headers[CORRELATION_HEADER] = chosen
        return response


class CorsMiddleware(Middleware):
    """Let the origins of `ALLOWED_ORIGINS` call the API with a token; cookies stay at home."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer a preflight request at once; pass anything else on."""
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not preflight or not self._allowed(request):
            return super().__call__(request)
        response = self.finish(request, HttpResponse(status=204))
        return self._ready(response) if self.is_async else response

    async def _ready(self, response: HttpResponseBase) -> HttpResponseBase:
        return response

    def finish(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the headers an allowed origin needs."""
        if self._allowed(request):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Expose-Headers"] = (
                f"{CORRELATION_HEADER}, Retry-After, Content-Disposition"
            )
        if request.path.startswith("/api/") and isinstance(response, HttpResponse):
            patch_vary_headers(response, ["Origin"])
        return response

    def _allowed(self, request: HttpRequest) -> bool:
        return request.path.startswith("/api/") and request.headers.get("Origin") in settings.ALLOWED_ORIGINS


class ApplicationErrorMiddleware(Middleware):
    """Answer an `ApplicationError` that a plain Django view let through, so that no view needs to."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The response for an `ApplicationError`; anything else is Django's to answer."""
        return render_application_error(request, exception) if isinstance(exception, ApplicationError) else None
