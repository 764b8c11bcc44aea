"""The risk snapshot and the commands over the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.control import TradingView, validated
from trading.api.serializers import BIGGEST_ID, CommandRead, Given, PageQuery
from trading.models import CommandAction, CommandStatus
from trading.selectors.commands import list_commands
from trading.selectors.risk import risk_snapshot


def _number(help_text: str = "") -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text)


def _text() -> serializers.CharField:
    return serializers.CharField(allow_null=True)


class PayoffPoint(Given):
    """What the position is worth at one price of the index, in dollars."""

    spot = serializers.FloatField()
    at_expiry = serializers.FloatField()
    now = serializers.FloatField()


class BreakEven(Given):
    """Where the payoff at expiry crosses zero."""

    spot = serializers.FloatField()
    distance_pct = _number("From the present index, percent.")


class Greeks(Given):
    """Sensitivities of the open position."""

    net_delta = _number("Per strangle.")
    theta_per_hour = _number("Dollars.")
    dollar_gamma = _number("Dollars for a move of 1 %.")


class Shocks(Given):
    """What a jump of the index would change, in dollars."""

    shock_pct = _number()
    shock_up = _number()
    shock_down = _number()


class Margin(Given):
    """The account at the venue, in dollars."""

    used = _number()
    available = _number()
    cash = _number()


class DailyLoss(Given):
    """The day's loss budget, in dollars; without a limit there is none."""

    limit = _number()
    used = _number()


class Stop(Given):
    """One exit rule: how far it is from acting. ``progress`` runs from 0 (far) to 1 (acts)."""

    rule = serializers.CharField()
    # A field of a field's own attribute's name; the metaclass takes it out of the class.
    label = _text()  # type: ignore[assignment]
    verdict = _text()
    value = _number()
    threshold = _number()
    unit = _text()
    progress = _number()
    detail = _text()


class RiskLeg(Given):
    """One leg of the open position."""

    leg = _text()
    symbol = serializers.CharField()
    strike = _number()
    size = _number("Contracts sold.")
    open_size = _number("Contracts still open.")
    delta = _number()
    iv_pct = _number()
    entry_price = _number()
    mark_price = _number()
    cost_to_close = _number()
    distance_pct = _number("Strike from the present index, percent.")
    pnl_abs = _number("Dollars.")
    quote_age_seconds = _number()


class RiskRead(Given):
    """The risk of the open position; with nothing open, the same fields, empty."""

    status = serializers.CharField()
    mode = _text()
    strategy_id = _text()
    session_id = serializers.IntegerField(allow_null=True)
    generated_at = serializers.DateTimeField(allow_null=True)
    wall_at = serializers.DateTimeField(allow_null=True)
    attention = serializers.CharField(allow_blank=True)
    spot = _number()
    payoff = PayoffPoint(many=True)
    breakevens = BreakEven(many=True)
    greeks = Greeks()
    shocks = Shocks()
    margin = Margin()
    daily_loss = DailyLoss()
    stops = Stop(many=True)
    legs = RiskLeg(many=True)


class RiskView(TradingView):
    """The risk of the open position."""

    @extend_schema(operation_id="trading_risk", responses=RiskRead)
    def get(self, request: Request) -> Response:
        """200 with payoff ladder, break-evens, greeks, margin, and the distance to every stop."""
        return Response(risk_snapshot())


class CommandQuery(PageQuery):
    """Page and filters of the commands."""

    status = serializers.ChoiceField(CommandStatus.choices, required=False)
    action = serializers.ChoiceField(CommandAction.choices, required=False)
    session_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False)


class CommandPage(Given):
    """A page of commands, newest first."""

    items = CommandRead(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    pages = serializers.IntegerField()


class CommandsView(TradingView):
    """What was asked of the engine."""

    @extend_schema(operation_id="trading_commands", parameters=[CommandQuery], responses=CommandPage)
    def get(self, request: Request) -> Response:
        """200 with a page; 422 for a page or a filter outside its range."""
        asked: dict[str, Any] = validated(CommandQuery(data=request.query_params))
        return Response(CommandPage(list_commands(**asked)).data)
