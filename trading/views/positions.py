"""The forms of the account panel."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.permissions import login_required
from trading.services import positions
from trading.services.guards import invalid
from trading.views.answers import answered

ACTIONS: Final = ("read", "ignore", "flatten", "adopt")


@never_cache
@require_POST
@login_required
def act(request: HttpRequest) -> HttpResponseBase:
    """Do what the form asks; htmx gets the panel anew."""
    return answered(
        request,
        lambda actor: _carry_out(request, actor).message,
        lambda: render(request, "trading/panels/account_answer.html"),
    )


def _carry_out(request: HttpRequest, actor: User) -> positions.PositionAnswer:
    form = request.POST
    action, mode, symbol = form.get("action", ""), form.get("mode", ""), form.get("symbol", "")
    if action == "read":
        return positions.read_account(actor=actor, mode=mode, request=request)
    reason = form.get("reason", "")
    if action == "ignore":
        until = _day(form.get("until", ""))
        return positions.ignore_position(
            actor=actor, mode=mode, symbol=symbol, until=until, reason=reason, request=request
        )
    if action == "flatten":
        confirm = form.get("confirm", "")
        return positions.flatten_position(
            actor=actor, mode=mode, symbol=symbol, confirm=confirm, reason=reason, request=request
        )
    if action == "adopt":
        size = _size(form.get("size", ""))
        return positions.adopt_position(
            actor=actor, mode=mode, symbol=symbol, size=size, reason=reason, request=request
        )
    raise invalid("action", f"action must be one of {', '.join(ACTIONS)}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise invalid("until", "until must be a day, as in 2026-12-31") from None


def _size(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise invalid("size", "size must be a whole number of contracts")
    return int(text)


position_urls: list[URLPattern] = [path("positions/", act, name="positions")]
