"""The live page, its panels one by one, and the forms that steer the engine."""

from __future__ import annotations

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.permissions import login_required
from deltastrangle.exceptions import InvalidInput
from trading.panels import PANELS, render_panel, render_panels
from trading.services.control import request_control, set_trading_mode
from trading.views.alerts import alert_urls
from trading.views.answers import answered, picture

MODE_ACTIONS: Final = {
    "stop_entries": ("stop_entries", "New entries are stopped; what is open stays guarded."),
    "reduce_only": ("reduce_only", "Only orders that reduce what is held are sent from now on."),
    "resume_entries": ("active", "Entries are allowed again."),
    "resume_trading": ("active", "Trading is allowed again."),
}
"""Buttons that set the trading mode, with the mode and what to say."""


@never_cache
@require_safe
@login_required
def live(request: HttpRequest) -> HttpResponse:
    """The live page."""
    return render(request, "trading/live.html", picture())


@never_cache
@require_safe
@login_required
def panel(request: HttpRequest, name: str) -> HttpResponse:
    """One panel, as the page has it; 404 for a name that is none."""
    if name == "control":
        return render(request, "trading/panels/control.html", picture())
    if name == "drawer":
        return render(request, "trading/panels/drawer.html")
    if name == "account":
        return render(request, "trading/panels/account.html")
    if name not in PANELS:
        raise Http404(name)
    shown = picture()
    return HttpResponse(render_panel(name, shown["runtime"], shown["records"]))


@never_cache
@require_safe
@login_required
def panels(request: HttpRequest) -> HttpResponse:
    """All pushed panels out of band, or the one of ``?only=``: what the socket would send, for when it is down."""
    shown = picture()
    only = request.GET.get("only", "")
    names = [only] if only in PANELS else list(PANELS)
    return HttpResponse("".join(render_panels(names, shown["runtime"], shown["records"]).values()))


@never_cache
@require_POST
@login_required
def control(request: HttpRequest) -> HttpResponseBase:
    """Steer the engine."""
    return answered(
        request,
        lambda actor: _carry_out(request, actor),
        lambda: render(request, "trading/panels/control_answer.html", picture()),
    )


def _carry_out(request: HttpRequest, actor: User) -> str:
    """Do what the form asks and say what was begun."""
    form = request.POST
    action, reason = form.get("action", ""), form.get("reason", "")
    if action in MODE_ACTIONS:
        mode, said = MODE_ACTIONS[action]
        confirm = form.get("confirm", "").strip()
        set_trading_mode(actor=actor, mode=mode, reason=reason, confirm=confirm, request=request)
        return said
    result = request_control(
        actor=actor,
        action=action,
        configuration_id=_identity(form.get("configuration_id", "")) if action in {"start", "restart"} else None,
        now=form.get("now") == "1",
        reason=reason,
        leave_open=form.get("leave_open") == "1",
        idempotency_key=form.get("idempotency_key", ""),
        request=request,
    )
    return result.message


def _identity(text: str) -> int | None:
    """A configuration's id from a form field; empty stands for the active one."""
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise InvalidInput("configuration_id must be a number", fields={"configuration_id": ["must be a number"]})
    return int(text)


live_urls: list[URLPattern] = [
    *alert_urls,
    path("", live, name="live"),
    path("panels/", panels, name="panels"),
    path("panels/<slug:name>/", panel, name="panel"),
    path("control/", control, name="control"),
]
