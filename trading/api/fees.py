"""The fee calculator for programs (``reference_product.md`` §8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.scopes import READ
from deltastrangle.exceptions import InvalidInput
from trading.api.control import TradingView, validated
from trading.api.serializers import Amount, Given
from trading.strategy.fees import DEFAULT_FEE_RATE, DEFAULT_PREMIUM_CAP_RATE, GST, FeeInputError, FeeQuote, quote_fee

MOST_CONTRACTS: Final = 10**12


def _amount(**kwargs: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=30, decimal_places=12, **kwargs)


class FeeQuoteInput(Given):
    """A trade whose fee is asked. Rates are fractions; without them the reference's, 0.015 % capped at 5 %, are used:
    give the product's own to know what the venue will charge. Maker and taker pay the same.
    """

    underlying_price = _amount()
    contract_size = _amount()
    quantity = serializers.IntegerField(min_value=-MOST_CONTRACTS, max_value=MOST_CONTRACTS)
    premium = _amount()
    order_type = serializers.ChoiceField(("maker", "taker"), default="taker")
    fee_rate = _amount(required=False, default=DEFAULT_FEE_RATE)
    premium_cap_rate = _amount(required=False, default=DEFAULT_PREMIUM_CAP_RATE)


class FeeBreakdownRead(Given):
    """How the fee came about, in dollars."""

    notional_fee = Amount()
    premium_cap = Amount()
    applied_fee = Amount()
    cap_applied = serializers.BooleanField()
    gst_rate = Amount()
    total_fee_with_gst = Amount()


class FeeQuoteRead(FeeBreakdownRead):
    """The fee in dollars: ``fee`` without GST, ``total_fee_with_gst`` with it."""

    underlying_price = Amount()
    contract_size = Amount()
    quantity = serializers.IntegerField()
    premium = Amount()
    order_type = serializers.CharField()
    fee_rate = Amount()
    premium_cap_rate = Amount()
    notional = Amount()
    premium_value = Amount()
    fee = Amount()
    breakdown = FeeBreakdownRead()


class FeeQuoteView(TradingView):
    """What a trade of options costs. A question although it is posted: a token that may read may ask."""

    write_scopes = (READ,)

    @extend_schema(operation_id="trading_fees_quote", request=FeeQuoteInput, responses=FeeQuoteRead)
    def post(self, request: Request) -> Response:
        """200; 422 with the calculator's sentence for a price, size, quantity or rate out of its range."""
        given = validated(FeeQuoteInput(data=request.data))
        return Response(FeeQuoteRead({**given, **answer_of(quoted(given))}).data)


def quoted(given: dict[str, Any]) -> FeeQuote:
    """The quote for checked input. Raises ``InvalidInput`` with the calculator's sentence at its field."""
    try:
        return quote_fee(
            underlying_price=given["underlying_price"],
            contract_size=given["contract_size"],
            quantity=Decimal(given["quantity"]),
            premium=given["premium"],
            fee_rate=given["fee_rate"],
            premium_cap_rate=given["premium_cap_rate"],
            gst_rate=GST,
        )
    except FeeInputError as error:
        raise InvalidInput(str(error), fields={error.field: [str(error)]}) from error


def answer_of(quote: FeeQuote) -> dict[str, Any]:
    """The quote in the reference's fields."""
    breakdown = {
        "notional_fee": quote.notional_fee,
        "premium_cap": quote.premium_cap,
        "applied_fee": quote.applied_fee,
        "cap_applied": quote.cap_applied,
        "gst_rate": quote.gst_rate,
        "total_fee_with_gst": quote.total_fee_with_gst,
    }
    whole = {"notional": quote.notional, "premium_value": quote.premium_value, "fee": quote.applied_fee}
    return {**breakdown, **whole, "breakdown": breakdown}
