"""The API of the account beside the session: what it holds, whose it is, and what is to become of what is nobody's."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, URLResolver, re_path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.control import TradingView, caller, validated
from trading.api.serializers import Given
from trading.models import Mode
from trading.selectors.positions import account_view
from trading.services import positions
from trading.services.guards import invalid

MODE = OpenApiParameter(
    "mode", OpenApiTypes.STR, description="paper, dry_run, testnet or live; the one in use if left out"
)


class PositionRead(Given):
    """One option of the account, in signed contracts, with whose they are."""

    symbol = serializers.CharField()
    size = serializers.IntegerField()
    entry_price = serializers.DecimalField(None, None, coerce_to_string=False, allow_null=True)
    owner = serializers.ChoiceField(["session", "foreign", "ignored", "missing"])
    held = serializers.IntegerField()
    foreign = serializers.IntegerField()
    missing = serializers.IntegerField()
    strategy_id = serializers.CharField(allow_blank=True)
    ignored_until = serializers.DateField(allow_null=True)
    can_flatten = serializers.BooleanField()
    can_adopt = serializers.BooleanField()
    pending = serializers.CharField(allow_blank=True)


class RestingOrderRead(Given):
    """One resting order and whose it is."""

    client_order_id = serializers.CharField(allow_blank=True)
    order_id = serializers.CharField()
    symbol = serializers.CharField(allow_blank=True)
    side = serializers.CharField(allow_blank=True)
    size = serializers.IntegerField()
    filled = serializers.IntegerField()
    owner = serializers.ChoiceField(["session", "orphan", "flatten", "foreign"])
    strategy_id = serializers.CharField(allow_blank=True)


class AccountRead(Given):
    """One mode's account as last read. With an ``error`` what it holds now is unknown."""

    mode = serializers.CharField()
    read_at = serializers.DateTimeField(allow_null=True)
    age_seconds = serializers.FloatField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    outdated = serializers.BooleanField()
    troubled = serializers.BooleanField()
    positions = PositionRead(many=True)
    orders = RestingOrderRead(many=True)
    last_answer = serializers.CharField(allow_blank=True)


class ReadInput(Given):
    """Which account."""

    mode = serializers.ChoiceField(Mode.choices, required=False, default="")


class SymbolInput(ReadInput):
    """Which foreign position, and why."""

    symbol = serializers.CharField(max_length=64)
    reason = serializers.CharField(max_length=255, default="", allow_blank=True)


class IgnoreInput(SymbolInput):
    """Up to and with which IST day."""

    until = serializers.DateField()


class FlattenInput(SymbolInput):
    """``confirm`` is the symbol once more."""

    confirm = serializers.CharField(max_length=64, default="", allow_blank=True)


class AdoptInput(SymbolInput):
    """How many contracts; all when left out."""

    size = serializers.IntegerField(min_value=1, required=False, allow_null=True, default=None)


class PositionAnswerRead(Given):
    """What was begun, and the command to follow at ``/api/trading/commands/<id>/``."""

    message = serializers.CharField()
    command_id = serializers.IntegerField(allow_null=True)


class PositionsView(TradingView):
    """The account's positions and resting orders."""

    @extend_schema(operation_id="trading_positions", parameters=[MODE], responses=AccountRead)
    def get(self, request: Request) -> Response:
        """200 with the last reading; 422 for an unknown mode."""
        mode = request.query_params.get("mode", "")
        if mode and mode not in Mode.values:
            raise invalid("mode", f"mode must be one of {', '.join(Mode.values)}")
        return Response(AccountRead(account_view(mode)).data)


class ReadView(TradingView):
    """Read the account now."""

    @extend_schema(operation_id="trading_positions_read", request=ReadInput, responses=PositionAnswerRead)
    def post(self, request: Request) -> Response:
        """200 as soon as the command is stored; 403, 422."""
        return _answer(request, positions.read_account, ReadInput)


class IgnoreView(TradingView):
    """Ignore a foreign position until a day."""

    @extend_schema(operation_id="trading_positions_ignore", request=IgnoreInput, responses=PositionAnswerRead)
    def post(self, request: Request) -> Response:
        """200; 403, 409 `nothing_foreign`, 422."""
        return _answer(request, positions.ignore_position, IgnoreInput)


class FlattenView(TradingView):
    """Close a foreign position."""

    @extend_schema(operation_id="trading_positions_flatten", request=FlattenInput, responses=PositionAnswerRead)
    def post(self, request: Request) -> Response:
        """200 as soon as the command is stored; 403, 409 `nothing_foreign`, 422 (field `confirm`)."""
        return _answer(request, positions.flatten_position, FlattenInput)


class AdoptView(TradingView):
    """Have the session take a foreign short position over."""

    @extend_schema(operation_id="trading_positions_adopt", request=AdoptInput, responses=PositionAnswerRead)
    def post(self, request: Request) -> Response:
        """200 as soon as the command is stored; 403, 409, 422."""
        return _answer(request, positions.adopt_position, AdoptInput)


def _answer(request: Request, service: Any, takes: type[Given]) -> Response:
    given = validated(takes(data=request.data))
    answer = service(actor=caller(request), **given, source="api", request=request._request)
    return Response(PositionAnswerRead(answer).data)


position_api_urls: list[URLPattern | URLResolver] = [
    re_path(r"^trading/positions/?$", PositionsView.as_view(), name="api-positions"),
    re_path(r"^trading/positions/read/?$", ReadView.as_view(), name="api-positions-read"),
    re_path(r"^trading/positions/ignore/?$", IgnoreView.as_view(), name="api-positions-ignore"),
    re_path(r"^trading/positions/flatten/?$", FlattenView.as_view(), name="api-positions-flatten"),
    re_path(r"^trading/positions/adopt/?$", AdoptView.as_view(), name="api-positions-adopt"),
]
