"""The forms of alerts and lockouts on the live page. They work without JavaScript too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.permissions import login_required
from deltastrangle.errors import toast
from deltastrangle.exceptions import ApplicationError, PermissionRefused
from trading.panels.records import load
from trading.selectors.runtime import current_runtime
from trading.services.alerts import acknowledge_alert, acknowledge_all
from trading.services.lockouts import lift_lockout


@never_cache
@require_POST
@login_required
def acknowledge(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Acknowledge one alert."""

    def act(actor: User) -> str:
        acknowledge_alert(actor=actor, alert_id=pk, request=request)
        return "Acknowledged."

    return _answer(request, act, lambda: render(request, "trading/panels/drawer.html"))


@never_cache
@require_POST
@login_required
def acknowledge_everything(request: HttpRequest) -> HttpResponseBase:
    """Acknowledge all alerts that the page has shown or counted."""
    newest = request.POST.get("up_to", "")
    up_to = int(newest) if newest.isdecimal() and len(newest) <= 18 else None

    def act(actor: User) -> str:
        number = acknowledge_all(actor=actor, up_to=up_to, request=request)
        return f"{number} acknowledged."

    return _answer(request, act, lambda: render(request, "trading/panels/drawer.html"))


@never_cache
@require_POST
@login_required
def lift(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Lift a lockout by the typed word."""

    def act(actor: User) -> str:
        lift_lockout(actor=actor, lockout_id=pk, confirm=request.POST.get("confirm", "").strip(), request=request)
        return "Entries are allowed again; the limit counts anew from here."

    return _answer(request, act, lambda: render(request, "trading/panels/control_answer.html", _picture()))


def _picture() -> dict[str, Any]:
    runtime = current_runtime()
    return {"runtime": runtime, "records": load(runtime)}


def _answer(request: HttpRequest, act: Callable[[User], str], shown: Callable[[], HttpResponse]) -> HttpResponseBase:
    """Do it. An htmx caller gets the fresh panel and a toast, a plain form the live page with a message."""
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


alert_urls: list[URLPattern] = [
    path("alerts/acknowledge/", acknowledge_everything, name="alerts-acknowledge"),
    path("alerts/<int:pk>/acknowledge/", acknowledge, name="alert-acknowledge"),
    path("lockouts/<int:pk>/lift/", lift, name="lockout-lift"),
]
