"""How errors are answered: one JSON shape under /api, a toast for htmx, a page for everyone else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from deltastrangle.exceptions import ApplicationError

JSON_PATHS = ("/api/", "/healthz")
UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY.value
NOT_AUTHENTICATED = "Not authenticated"


def error_body(
    detail: str, code: str, fields: Mapping[str, Sequence[str]] | None = None, **extra: object
) -> dict[str, Any]:
    """The body of every API error."""
    named = {"fields": {name: list(messages) for name, messages in fields.items()}} if fields else {}
    return {"detail": detail, "code": code, **named, **extra}


def application_error_body(error: ApplicationError) -> dict[str, Any]:
    """The API's body for `error`."""
    return error_body(error.detail, error.code, error.fields, **error.extra)


def api_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's `EXCEPTION_HANDLER`: our errors, Django's and DRF's in one shape; `None` for what is a bug."""
    if isinstance(error, ApplicationError):
        set_rollback()
        return Response(application_error_body(error), status=error.status)
    if isinstance(error, ValidationError):
        set_rollback()
        return Response(_validation_body(_django_fields(error)), status=UNPROCESSABLE)
    if isinstance(error, IntegrityError):
        set_rollback()
        return Response(error_body("That contradicts what is already stored.", "conflict"), status=409)
    response = exception_handler(error, context)
    if response is not None:
        _reshape(error, response)
    return response


def _reshape(error: Exception, response: Response) -> None:
    if isinstance(error, drf.ValidationError):
        response.status_code = UNPROCESSABLE
        response.data = _validation_body(_drf_fields(error.detail))
    elif isinstance(error, drf.NotAuthenticated):
        response.status_code = HTTPStatus.UNAUTHORIZED
        response.data = error_body(NOT_AUTHENTICATED, "not_authenticated")
    elif isinstance(error, Http404):
        response.data = error_body("Not found", "not_found")
    elif isinstance(error, PermissionDenied):
        response.data = error_body(str(error) or "You may not do this.", "permission_denied")
    elif isinstance(error, drf.APIException):
        response.data = error_body(_first_text(error.detail), _code(error))


def _code(error: drf.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else error.default_code


def _first_text(detail: Any) -> str:
    if isinstance(detail, Mapping):
        detail = detail.get("detail") or next(iter(detail.values()), "")
    if isinstance(detail, list):
        detail = detail[0] if detail else ""
    return str(detail)


def _validation_body(fields: dict[str, list[str]]) -> dict[str, Any]:
    said = ((name, messages[0]) for name, messages in fields.items() if messages)
    name, sentence = next(said, ("non_field_errors", "Invalid input."))
    named = name not in ("__all__", "non_field_errors")
    return error_body(f"{name}: {sentence}" if named else sentence, "invalid_input", fields)


def _django_fields(error: ValidationError) -> dict[str, list[str]]:
    return error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}


def _drf_fields(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """DRF's nested details as flat `{"outer.inner": [sentence]}`."""
    if isinstance(detail, Mapping):
        pairs = detail.items()
    elif any(isinstance(item, Mapping | list) for item in detail):
        pairs = {str(number): item for number, item in enumerate(detail) if item}.items()
    else:
        return {prefix or "non_field_errors": [str(item) for item in detail]}
    flat: dict[str, list[str]] = {}
    for name, inner in pairs:
        nested = inner if isinstance(inner, Mapping | list) else [inner]
        flat |= _drf_fields(nested, f"{prefix}.{name}" if prefix else str(name))
    return flat


def wants_json(request: HttpRequest) -> bool:
    """Whether the caller is a program: by the path, since /api is for programs."""
    return request.path.startswith(JSON_PATHS)


def render_application_error(request: HttpRequest, error: ApplicationError) -> HttpResponse:
    """`error` for the caller at hand: JSON, a toast that leaves the page alone, or a page."""
    if wants_json(request):
        return JsonResponse(application_error_body(error), status=error.status)
    if request.headers.get("HX-Request") == "true":
        return toast(error.detail, status=error.status)
    return error_page(request, error.status, error.detail)


def toast(message: str, *, status: int = 204, level: str = "error") -> HttpResponse:
    """An htmx response that swaps nothing and raises the page's `toast` event with `{level, message}`."""
    trigger = json.dumps({"toast": {"level": level, "message": message}})
    return HttpResponse(status=status, headers={"HX-Reswap": "none", "HX-Trigger": trigger})


def error_page(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    """The page for `status`, in the site's frame; a bare one where the frame may be what failed (400 and 500)."""
    context = {"status": status, "title": HTTPStatus(status).phrase, "detail": detail, "app_name": settings.APP_NAME}
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR):
        return HttpResponse(render_to_string("errors_bare.html", context), status=status)
    return HttpResponse(render_to_string("errors.html", context, request), status=status)


def _answer(request: HttpRequest, status: int, detail: str, code: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse(error_body(detail, code), status=status)
    return error_page(request, status, detail)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`."""
    return _answer(request, 400, "The request could not be understood.", "bad_request")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler403`."""
    return _answer(request, 403, str(exception) or "You may not do this.", "permission_denied")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's `CSRF_FAILURE_VIEW`."""
    return _answer(request, 403, "Your session has expired. Reload the page and try again.", "csrf_failed")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler404`."""
    return _answer(request, 404, "Not found", "not_found")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`."""
    return _answer(request, 500, "Something went wrong on our side. It has been logged.", "server_error")
