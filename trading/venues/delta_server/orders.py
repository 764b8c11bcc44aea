"""Orders and fills between the wire and the exchange's records (``spec/delta_exchange.md`` §3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.strategy.fees import option_fee
from trading.strategy.types import Instrument, OrderType, Side, TimeInForce
from trading.venues.delta_server.formats import average, iso, plain
from trading.venues.delta_server.products import reference
from trading.venues.delta_server.wire import Json, bad_schema, choice, decimal, flag, integer
from trading.venues.simulated import brackets
from trading.venues.simulated.checks import MAX_CLIENT_ID
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.records import (
    BracketTerms,
    FillRecord,
    OrderRecord,
    OrderRequest,
    StopTerms,
    StopTrigger,
    StopType,
)

_TRIGGERS = tuple(StopTrigger)
_MMP = ("disabled", "mmp1", "mmp2", "mmp3", "mmp4", "mmp5")
BRACKET_FIELDS = (
    "bracket_stop_loss_price",
    "bracket_stop_loss_limit_price",
    "bracket_take_profit_price",
    "bracket_take_profit_limit_price",
    "bracket_trail_amount",
)


def parse_order(body: Mapping[str, Any], symbol: str) -> OrderRequest:
    """The order in a request's body. WireError ``bad_schema`` names the field that is wrong."""
    size = integer(body, "size")
    if size is None:
        raise bad_schema("size", "size is required")
    choice(body, "mmp", _MMP)
    return OrderRequest(
        symbol=symbol,
        side=Side(_required(body, "side", tuple(Side))),
        size=size,
        order_type=OrderType(_required(body, "order_type", tuple(OrderType))),
        limit_price=_limit_price(body),
        time_in_force=TimeInForce(choice(body, "time_in_force", tuple(TimeInForce), "gtc")),
        post_only=flag(body, "post_only"),
        reduce_only=flag(body, "reduce_only"),
        client_order_id=_client_order_id(body),
        stop=_stop(body),
        bracket=parse_bracket(body),
    )


def _required(body: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    found = choice(body, name, allowed)
    if not found:
        raise bad_schema(name, f"{name} is required")
    return found


def _limit_price(body: Mapping[str, Any]) -> Decimal | None:
    price = decimal(body, "limit_price")
    if price is not None and price <= 0:
        raise bad_schema("limit_price", "limit_price must be above zero")
    return price


def _client_order_id(body: Mapping[str, Any]) -> str:
    value = body.get("client_order_id")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_CLIENT_ID:
        raise bad_schema("client_order_id", f"client_order_id is text of at most {MAX_CLIENT_ID} characters")
    return value


def _stop(body: Mapping[str, Any]) -> StopTerms | None:
    kind = choice(body, "stop_order_type", tuple(StopType))
    price, trail = decimal(body, "stop_price"), decimal(body, "trail_amount")
    if not kind:
        if price is not None or trail is not None:
            raise bad_schema("stop_order_type", "stop_order_type is required with stop_price or trail_amount")
        return None
    trigger = StopTrigger(choice(body, "stop_trigger_method", _TRIGGERS, StopTrigger.MARK))
    return StopTerms(StopType(kind), price, trail, trigger)


def parse_bracket(body: Mapping[str, Any]) -> BracketTerms | None:
    """The ``bracket_*`` fields of a body; None when there are none."""
    values = {name.removeprefix("bracket_"): decimal(body, name) for name in BRACKET_FIELDS}
    if not any(value is not None for value in values.values()):
        return None
    if values["stop_loss_price"] is not None and values["trail_amount"] is not None:
        raise bad_schema("bracket_trail_amount", "stop loss price and trail amount are mutually exclusive")
    trigger = StopTrigger(choice(body, "bracket_stop_trigger_method", _TRIGGERS, StopTrigger.MARK))
    return BracketTerms(trigger=trigger, **values)


def parse_position_bracket(body: Mapping[str, Any]) -> BracketTerms:
    """The nested form of ``POST /v2/orders/bracket``."""
    loss, profit = body.get("stop_loss_order") or {}, body.get("take_profit_order") or {}
    if not isinstance(loss, dict) or not isinstance(profit, dict) or not (loss or profit):
        raise bad_schema("stop_loss_order", "give stop_loss_order, take_profit_order or both")
    trigger = StopTrigger(choice(body, "bracket_stop_trigger_method", _TRIGGERS, StopTrigger.MARK))
    return BracketTerms(
        stop_loss_price=decimal(loss, "stop_price"),
        stop_loss_limit_price=decimal(loss, "limit_price"),
        trail_amount=decimal(loss, "trail_amount"),
        take_profit_price=decimal(profit, "stop_price"),
        take_profit_limit_price=decimal(profit, "limit_price"),
        trigger=trigger,
    )


def blocked_commission(order: OrderRecord, instrument: Instrument | None, spot: Decimal, gst: Decimal) -> Decimal:
    """Dollars of fee set aside for the contracts that may still trade."""
    if instrument is None or not order.active or order.limit_price is None:
        return Decimal(0)
    return option_fee(
        price=order.limit_price,
        size=order.unfilled,
        contract_value=instrument.contract_value,
        underlying_price=spot,
        rate=instrument.taker_rate,
        cap_rate=instrument.premium_cap_rate,
        gst_rate=gst,
    ).quantize(Decimal("0.00000001"))


def order_row(order: OrderRecord, user_id: int, blocked: Decimal = Decimal(0)) -> Json:
    """An order as REST and the socket's snapshot show it."""
    terms = brackets.decode(order.bracket)
    row: Json = {
        "id": order.id,
        "user_id": user_id,
        "product_id": order.product_id,
        "product_symbol": order.symbol,
        "side": order.side.value,
        "order_type": order.order_type.value,
        "limit_price": plain(order.limit_price),
        "size": order.size,
        "unfilled_size": order.unfilled,
        "average_fill_price": average(order.average_price),
        "state": order.state.value,
        "time_in_force": order.time_in_force.value,
        "reduce_only": order.reduce_only,
        "post_only": order.post_only,
        "client_order_id": order.client_order_id or None,
        "stop_order_type": order.stop_type or None,
        "stop_price": plain(order.stop_price),
        "stop_trigger_method": order.stop_trigger or None,
        "trail_amount": plain(order.trail_amount),
        "close_on_trigger": "false",
        "bracket_order": True if order.parent_id else None,
        "mmp": "disabled",
        "commission": plain(blocked),
        "paid_commission": plain(order.commission),
        "cancellation_reason": order.reason or None,
        "meta_data": {"source": "api"},
        "product": reference(order.product_id, order.symbol),
        "created_at": iso(order.created_at),
        "updated_at": iso(order.updated_at),
    }
    for name in BRACKET_FIELDS:
        row[name] = plain(getattr(terms, name.removeprefix("bracket_"))) if terms else None
    return row


def fill_row(fill: FillRecord, order: OrderRecord | None, config: SimulatedConfig, user_id: int) -> Json:
    """A fill as REST shows it (§3.6): it names its order by the exchange's id alone; ``commission`` includes GST."""
    rate = config.taker_rate if fill.role == "taker" else config.maker_rate
    return {
        "id": fill.id,
        "user_id": user_id,
        "order_id": fill.order_id,
        "product_id": fill.product_id,
        "product_symbol": fill.symbol,
        "side": fill.side.value,
        "size": fill.size,
        "price": plain(fill.price),
        "role": fill.role,
        "fill_type": fill.fill_type.value,
        "commission": plain(fill.commission),
        "settling_asset_symbol": "USD",
        "product": reference(fill.product_id, fill.symbol),
        "created_at": iso(fill.at),
        "meta_data": {
            "effective_commission_rate": plain(rate),
            "order_price": plain(order.limit_price) if order else None,
            "order_size": str(order.size if order else fill.size),
            "order_type": order.order_type.value if order else "market_order",
            "order_unfilled_size": str(order.unfilled if order else 0),
            "total_commission_in_settling_asset": plain(fill.commission),
            "tfc_used_for_commission": "0",
        },
    }
