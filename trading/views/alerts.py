"""The forms of alerts and lockouts on the live page. They work without JavaScript too."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.permissions import login_required
from trading.services.alerts import acknowledge_alert, acknowledge_all
from trading.services.lockouts import lift_lockout
from trading.views.answers import answered, picture


@never_cache
@require_POST
@login_required
def acknowledge(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Acknowledge one alert."""

    def act(actor: User) -> str:
        acknowledge_alert(actor=actor, alert_id=pk, request=request)
        return "Acknowledged."

    return answered(request, act, lambda: render(request, "trading/panels/drawer.html"))


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

    return answered(request, act, lambda: render(request, "trading/panels/drawer.html"))


@never_cache
@require_POST
@login_required
def lift(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Lift a lockout by the typed word."""

    def act(actor: User) -> str:
        lift_lockout(actor=actor, lockout_id=pk, confirm=request.POST.get("confirm", "").strip(), request=request)
        return "Entries are allowed again; the limit counts anew from here."

    return answered(request, act, lambda: render(request, "trading/panels/control_answer.html", picture()))


alert_urls: list[URLPattern] = [
    path("alerts/acknowledge/", acknowledge_everything, name="alerts-acknowledge"),
    path("alerts/<int:pk>/acknowledge/", acknowledge, name="alert-acknowledge"),
    path("lockouts/<int:pk>/lift/", lift, name="lockout-lift"),
]
