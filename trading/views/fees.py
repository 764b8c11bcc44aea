"""The fee calculator as a page: a plain form that answers below itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import login_required
from deltastrangle.htmx import wants_fragment
from trading.strategy.fees import DEFAULT_FEE_RATE, DEFAULT_PREMIUM_CAP_RATE, FeeInputError, FeeQuote, quote_fee

HUNDRED: Final = Decimal(100)
EXAMPLE: Final = {
    "underlying_price": "26200",
    "premium": "15",
    "quantity": "300",
    "contract_size": "0.001",
    "fee_rate_pct": str((DEFAULT_FEE_RATE * HUNDRED).normalize()),
    "premium_cap_pct": str((DEFAULT_PREMIUM_CAP_RATE * HUNDRED).to_integral_value()),
}


def _amount(label: str) -> forms.DecimalField:
    widget = forms.NumberInput(attrs={"step": "any"})
    return forms.DecimalField(label=label, max_digits=30, decimal_places=12, widget=widget)


class FeeForm(forms.Form):
    """What is traded. Percent fields are percent: 0.015 is 0.015 %."""

    underlying_price = _amount("Underlying price, $")
    premium = _amount("Premium, $ a unit")
    quantity = forms.IntegerField(label="Contracts", max_value=10**12)
    contract_size = _amount("Contract size, units")
    fee_rate_pct = _amount("Fee, % of notional")
    premium_cap_pct = _amount("Cap, % of premium")

    def quote(self) -> FeeQuote | None:
        """The fee, or None with the objection at its field."""
        if not self.is_valid():
            return None
        given: dict[str, Any] = self.cleaned_data
        try:
            return quote_fee(
                underlying_price=given["underlying_price"],
                contract_size=given["contract_size"],
                quantity=Decimal(given["quantity"]),
                premium=given["premium"],
                fee_rate=given["fee_rate_pct"] / HUNDRED,
                premium_cap_rate=given["premium_cap_pct"] / HUNDRED,
            )
        except FeeInputError as error:
            named = {"fee_rate": "fee_rate_pct", "premium_cap_rate": "premium_cap_pct"}
            self.add_error(named.get(error.field, error.field), str(error))
            return None


@never_cache
@require_safe
@login_required
def fees(request: HttpRequest) -> HttpResponse:
    """The calculator, filled with an example at first; htmx gets the panel alone."""
    form = FeeForm({**EXAMPLE, **request.GET.dict()})
    context = {"quote": form.quote(), "form": form}
    return render(request, "trading/panels/fees.html" if wants_fragment(request) else "trading/fees.html", context)


fee_urls: list[URLPattern] = [path("fees/", fees, name="fees")]
