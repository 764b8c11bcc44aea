"""Order writes: place, edit, cancel, in batches, all at once, brackets, close all (``spec/delta_exchange.md`` §3)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from trading.strategy.types import Instrument, OrderType, Side, TimeInForce
from trading.venues.delta_server.catalogue import category
from trading.venues.delta_server.faults import WireCall, WireFault
from trading.venues.delta_server.orders import (
    blocked_commission,
    order_row,
    parse_bracket,
    parse_order,
    parse_position_bracket,
)
from trading.venues.delta_server.router import TRADE, rest
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.wire import Json, Request, WireError, bad_schema, decimal, flag, integer
from trading.venues.simulated.records import ExchangeError, OrderRecord, OrderRequest

MAX_BATCH = 50


def shown(server: DeltaServer, order: OrderRecord) -> Json:
    """An order's row with the fee that is blocked for it."""
    item = server.exchange.market.contract(order.symbol)
    spot = server.spot(order.symbol.split("-")[1])
    return order_row(
        order, server.config.user_id, blocked_commission(order, item, spot, server.exchange.config.gst_rate)
    )


@rest.route("POST", "/v2/orders", weight=5, access=TRADE)
def place(server: DeltaServer, request: Request) -> Json:
    """Send one order."""
    body = request.json()
    item = server.product(body.get("product_id"), body.get("product_symbol"))
    server.limiter.operate(item.product_id, 1)
    return shown(server, place_one(server, parse_order(body, item.symbol)))


def place_one(server: DeltaServer, wanted: OrderRequest) -> OrderRecord:
    """Hand an order to the exchange, past the faults that aim at it."""
    call = WireCall("POST", "/v2/orders", wanted.symbol, wanted.side.value, wanted.reduce_only)
    if fault := server.faults.take(WireFault.REJECT, call):
        raise WireError(400, fault.code or "insufficient_margin")
    partial = server.faults.take(WireFault.PARTIAL, call)
    return server.exchange.place(wanted, fill_fraction=partial.fraction if partial else 1.0)


@rest.route("PUT", "/v2/orders", weight=5, access=TRADE)
def edit(server: DeltaServer, request: Request) -> Json:
    """Change an order; ``size`` is the new total including what is filled."""
    body = request.json()
    order = edit_one(server, body, _product_of(server, body))
    return shown(server, order)


def _product_of(server: DeltaServer, body: Mapping[str, Any]) -> Instrument | None:
    named = (body.get("product_id"), body.get("product_symbol"))
    return server.product(*named) if named != (None, None) else None


def edit_one(server: DeltaServer, body: Mapping[str, Any], item: Instrument | None) -> OrderRecord:
    """Change one order by its exchange id."""
    order_id = integer(body, "id")
    if order_id is None:
        raise bad_schema("id", "id is required")
    found = server.exchange.find(order_id=order_id)
    if found is None or (item is not None and found.product_id != item.product_id):
        raise WireError(404, "open_order_not_found")
    server.limiter.operate(found.product_id, 1)
    limit = decimal(body, "limit_price")
    if limit is not None and limit <= 0:
        raise bad_schema("limit_price", "limit_price must be above zero")
    return server.exchange.edit(
        order_id,
        size=integer(body, "size"),
        limit_price=limit,
        stop_price=decimal(body, "stop_price"),
        trail_amount=decimal(body, "trail_amount"),
    )


@rest.route("DELETE", "/v2/orders", weight=5, access=TRADE)
def cancel(server: DeltaServer, request: Request) -> Json:
    """Cancel one order by id or client id; the body says which."""
    body = request.json()
    return shown(server, cancel_one(server, body, _product_of(server, body)))


def cancel_one(server: DeltaServer, body: Mapping[str, Any], item: Instrument | None) -> OrderRecord:
    """Cancel one order."""
    order_id, client_id = integer(body, "id"), str(body.get("client_order_id") or "")
    if order_id is None and not client_id:
        raise bad_schema("id", "give id or client_order_id")
    found = server.exchange.find(order_id=order_id, client_order_id=client_id)
    if found is None or (item is not None and found.product_id != item.product_id):
        raise WireError(404, "open_order_not_found")
    return server.exchange.cancel(order_id=found.id)


@rest.route("DELETE", "/v2/orders/all", weight=5, access=TRADE)
def cancel_all(server: DeltaServer, request: Request) -> Json:
    """Cancel what the flags name; they are false unless sent, so a bare call cancels nothing."""
    body = request.json()
    product_id, types = integer(body, "product_id"), _types(body)
    flags = {name: flag(body, f"cancel_{name}_orders") for name in ("limit", "stop", "reduce_only")}
    for order in [*server.exchange.open_orders(), *server.exchange.pending_orders()]:
        kind = "stop" if order.stop_type else "reduce_only" if order.reduce_only else "limit"
        chosen = (product_id is None or order.product_id == product_id) and (
            not types or category(order.symbol) in types
        )
        if chosen and flags[kind]:
            with suppress(ExchangeError):  # it filled on the way
                server.exchange.cancel(order_id=order.id)
    return {}


def _types(body: Mapping[str, Any]) -> list[str]:
    found = body.get("contract_types") or []
    if isinstance(found, str):
        return [part.strip() for part in found.split(",")]
    if not isinstance(found, list):
        raise bad_schema("contract_types", "contract_types is a list")
    return found


def _batch(server: DeltaServer, body: Mapping[str, Any]) -> tuple[Instrument, list[Json]]:
    item = server.product(body.get("product_id"), body.get("product_symbol"))
    orders = body.get("orders")
    if not isinstance(orders, list) or not orders or not all(isinstance(entry, dict) for entry in orders):
        raise bad_schema("orders", "orders is a list of orders")
    if len(orders) > MAX_BATCH:
        raise bad_schema("orders", f"at most {MAX_BATCH} orders")
    return item, orders


@rest.route("POST", "/v2/orders/batch", weight=25, access=TRADE)
def place_batch(server: DeltaServer, request: Request) -> list[Json]:
    """Place limit orders on one contract; only those that were accepted come back."""
    item, orders = _batch(server, request.json())
    wanted = [parse_order({"order_type": "limit_order", **entry}, item.symbol) for entry in orders]
    if any(order.order_type is not OrderType.LIMIT for order in wanted):
        raise bad_schema("order_type", "batches take limit orders only")
    server.limiter.operate(item.product_id, len(wanted))
    rows = []
    for order in wanted:
        with suppress(ExchangeError, WireError):
            rows.append(shown(server, place_one(server, order)))
    return rows


@rest.route("PUT", "/v2/orders/batch", weight=25, access=TRADE)
def edit_batch(server: DeltaServer, request: Request) -> list[Json]:
    """Edit orders on one contract; only those that were changed come back."""
    item, orders = _batch(server, request.json())
    rows = []
    for entry in orders:
        with suppress(ExchangeError, WireError):
            rows.append(shown(server, edit_one(server, entry, item)))
    return rows


@rest.route("DELETE", "/v2/orders/batch", weight=25, access=TRADE)
def cancel_batch(server: DeltaServer, request: Request) -> list[Json]:
    """Cancel orders on one contract; only those that were open come back."""
    item, orders = _batch(server, request.json())
    rows = []
    for entry in orders:
        with suppress(ExchangeError, WireError):
            rows.append(shown(server, cancel_one(server, entry, item)))
    return rows


@rest.route("POST", "/v2/orders/bracket", weight=5, access=TRADE)
def bracket_position(server: DeltaServer, request: Request) -> Json:
    """Guard a position with stops."""
    body = request.json()
    item = server.product(body.get("product_id"), body.get("product_symbol"))
    legs = server.exchange.bracket_position(item.symbol, parse_position_bracket(body))
    return {"product_id": item.product_id, "orders": [shown(server, leg) for leg in legs]}


@rest.route("PUT", "/v2/orders/bracket", weight=5, access=TRADE)
def bracket_order(server: DeltaServer, request: Request) -> Json:
    """Change the bracket of an entry order that is still open."""
    body = request.json()
    order_id, terms = integer(body, "id"), parse_bracket(body)
    if order_id is None or terms is None:
        raise bad_schema("id", "give id and at least one bracket field")
    return shown(server, server.exchange.bracket_order(order_id, terms))


@rest.route("DELETE", "/v2/orders/bracket", weight=5, access=TRADE)
def drop_bracket(server: DeltaServer, request: Request) -> Json:
    """Take a position's stops away."""
    product_id = integer(request.json(), "product_id")
    for order in server.exchange.pending_orders():
        if order.parent_id and order.product_id == product_id:
            server.exchange.cancel(order_id=order.id)
    return {}


@rest.route("POST", "/v2/positions/close_all", access=TRADE)
def close_all(server: DeltaServer, request: Request) -> Json:
    """Send market orders against every position, after taking the contract's orders away. Verify afterwards."""
    body = request.json()
    if integer(body, "user_id") not in (None, server.config.user_id):
        raise bad_schema("user_id", "user_id is not this account's")
    if body.get("close_all_isolated") is not True:
        return {}
    for position in server.exchange.positions():
        _close(server, position.symbol, position.size)
    return {}


def _close(server: DeltaServer, symbol: str, size: int) -> None:
    for order in [*server.exchange.open_orders(), *server.exchange.pending_orders()]:
        if order.symbol == symbol:
            server.exchange.cancel(order_id=order.id)
    side = Side.SELL if size > 0 else Side.BUY
    closing = OrderRequest(symbol, side, abs(size), OrderType.MARKET, None, TimeInForce.IOC, reduce_only=True)
    with suppress(ExchangeError):
        server.exchange.place(closing)
