"""Confirming a live configuration: its name typed, for the revision shown, beside all that live trading still lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.permissions import can_operate, login_required, operator_required
from deltastrangle.exceptions import Conflict, InvalidInput
from trading.models import Mode, PreflightRun, TradingConfiguration
from trading.selectors import configurations as selectors
from trading.selectors.preflight import latest_preflight
from trading.services import configurations as services
from trading.services.starting import missing_for_mode


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the panel shows. ``missing`` is a sentence for each thing without which a start is refused."""

    configuration: TradingConfiguration
    missing: list[str]
    preflight: PreflightRun | None
    typed: str = ""
    error: str = ""

    @property
    def failed(self) -> list[dict[str, object]]:
        """The checks of the newest pre-flight that did not pass."""
        return [check for check in self.preflight.checks if not check["passed"]] if self.preflight else []


def confirmation_of(
    configuration: TradingConfiguration | None, *, typed: str = "", error: str = ""
) -> Confirmation | None:
    """The panel of a live configuration; None for any other, which has none."""
    if configuration is None or configuration.mode != Mode.LIVE:
        return None
    missing = missing_for_mode(configuration)
    return Confirmation(configuration, missing, latest_preflight(Mode.LIVE.value), typed, error)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def configuration_confirm_live(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The panel (to htmx) or a page with it; posted, the confirmation."""
    if request.method == "POST":
        return operator_required(_confirm)(request, pk)
    return _shown(request, confirmation_of(selectors.get_configuration(pk)))


def _confirm(request: HttpRequest, pk: int) -> HttpResponse:
    typed = request.POST.get("name", "")
    revision = request.POST.get("revision", "")
    try:
        made = services.confirm_live(
            actor=cast(User, request.user),
            configuration_id=pk,
            typed_name=typed,
            expected_revision=int(revision) if revision.isdecimal() and len(revision) < 10 else 0,
            request=request,
        )
    except InvalidInput as refusal:
        again = confirmation_of(selectors.get_configuration(pk), typed=typed, error=refusal.detail)
        return _shown(request, again, status=422)
    messages.success(request, f"Revision {made.revision} of {made.name} may trade real money.")
    url = reverse("configuration-edit", args=[pk])
    htmx = request.headers.get("HX-Request") == "true"
    return HttpResponse(status=204, headers={"HX-Redirect": url}) if htmx else redirect(url)


def _shown(request: HttpRequest, confirmation: Confirmation | None, status: int = 200) -> HttpResponse:
    if confirmation is None:
        raise Conflict("Only a configuration of mode 'live' is confirmed.")
    context = {"confirmation": confirmation, "may_operate": can_operate(request.user)}
    part = request.headers.get("HX-Request") == "true"
    template = "configuration/_confirm_live" if part else "configuration_confirm_live"
    return render(request, f"trading/{template}.html", context, status=status)
