"""What a form of the live page answers, with and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from accounts.models import User
from deltastrangle.errors import toast
from deltastrangle.exceptions import ApplicationError, PermissionRefused
from trading.panels.records import load
from trading.selectors.runtime import current_runtime


def picture() -> dict[str, Any]:
    """What the panels of the live page are rendered from."""
    runtime = current_runtime()
    return {"runtime": runtime, "records": load(runtime)}


def answered(request: HttpRequest, act: Callable[[User], str], shown: Callable[[], HttpResponse]) -> HttpResponseBase:
    """Do it and say what ``act`` says. An htmx caller gets what is ``shown`` and a toast, a plain form the live page
    with a message. Whether the caller may is for the service to say, so that a refusal is audited too.
    """
    by_htmx = request.headers.get("HX-Request") == "true"
    try:
        message = act(cast(User, request.user))
    except ApplicationError as error:
        if by_htmx:
            return toast(error.detail, status=error.status)
        if isinstance(error, PermissionRefused):
            raise PermissionDenied(error.detail) from error
        messages.error(request, error.detail)
        return redirect("live")
    if not by_htmx:
        messages.success(request, message)
        return redirect("live")
    response = shown()
    response["HX-Trigger"] = toast(message, level="ok")["HX-Trigger"]
    return response
