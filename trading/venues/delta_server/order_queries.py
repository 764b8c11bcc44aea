"""Order and fill reads (``spec/delta_exchange.md`` §3.3, §3.4 and §3.6)."""

from __future__ import annotations

from trading.venues.delta_server.account_routes import time_filter
from trading.venues.delta_server.order_routes import shown
from trading.venues.delta_server.orders import fill_row
from trading.venues.delta_server.paging import MAX_ROWS, page_size, rows_page
from trading.venues.delta_server.router import READ, rest
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.wire import MOST, Json, Page, Request, WireError, id_list, text_list
from trading.venues.simulated.records import FillRecord, OrderRecord, OrderState

_KINDS = {
    "market": "(stop_type = '' AND order_type = 'market_order')",
    "limit": "(stop_type = '' AND order_type = 'limit_order')",
    "stop_market": "(stop_type != '' AND order_type = 'market_order')",
    "stop_limit": "(stop_type != '' AND order_type = 'limit_order')",
    "all_stop": "(stop_type != '')",
}
_CATEGORIES = {"call_options": "symbol LIKE 'C-%'", "put_options": "symbol LIKE 'P-%'"}


def _filter(params: dict[str, str], column: str) -> tuple[list[str], list[object]]:
    where, values = time_filter(params, column)
    ids = id_list(params, "product_ids")
    if ids:
        where.append(f"product_id IN ({', '.join('?' * len(ids))})")
        values += ids
    types = text_list(params, "contract_types")
    if types:
        where.append(_any([_CATEGORIES[name] for name in types if name in _CATEGORIES]))
    return where, values


def _any(conditions: list[str]) -> str:
    return f"({' OR '.join(conditions)})" if conditions else "0"


def _orders(server: DeltaServer, request: Request, states: list[str], default: int) -> Page:
    server.exchange.catch_up()
    params = request.params
    where, values = _filter(params, "created_at")
    where.append(f"state IN ({', '.join('?' * len(states))})")
    values += states
    kinds = text_list(params, "order_types")
    if kinds:
        where.append(_any([_KINDS[name] for name in kinds if name in _KINDS]))
    size = page_size(params, default, MAX_ROWS)
    return rows_page(
        server.exchange.records, OrderRecord, where, values, params, lambda order: shown(server, order), size=size
    )


@rest.route("GET", "/v2/orders", weight=3, access=READ)
def active_orders(server: DeltaServer, request: Request) -> Page:
    """Open orders and waiting stops, newest first, ten a page unless asked for more."""
    allowed = {OrderState.OPEN, OrderState.PENDING}
    named = [state for state in text_list(request.params, "states") if state in allowed]
    return _orders(server, request, named or sorted(allowed), 10)


@rest.route("GET", "/v2/orders/history", weight=10, access=READ)
def order_history(server: DeltaServer, request: Request) -> Page:
    """Filled and cancelled orders, newest first."""
    return _orders(server, request, [OrderState.CLOSED, OrderState.CANCELLED], 10)


@rest.route("GET", "/v2/orders/client_order_id/{client_oid}", access=READ)
def order_by_client_id(server: DeltaServer, request: Request, client_oid: str) -> Json:
    """The newest order with a client id; with the quirk on, filled ones are not found."""
    server.exchange.catch_up()
    found = server.exchange.find(client_order_id=client_oid)
    hidden = server.config.quirks.hide_filled_by_client_id and found is not None and found.state is OrderState.CLOSED
    if found is None or hidden:
        raise WireError(404, "open_order_not_found", client_order_id=client_oid)
    return shown(server, found)


@rest.route("GET", "/v2/orders/{order_id}", access=READ)
def order_by_id(server: DeltaServer, request: Request, order_id: str) -> Json:
    """An order in any state."""
    server.exchange.catch_up()
    found = server.exchange.find(order_id=int(order_id)) if _is_id(order_id) else None
    if found is None:
        raise WireError(404, "open_order_not_found", order_id=order_id)
    return shown(server, found)


def _is_id(text: str) -> bool:
    return text.isdecimal() and int(text) < MOST


@rest.route("GET", "/v2/fills", weight=10, access=READ)
def fills(server: DeltaServer, request: Request) -> Page:
    """Own fills, settlements included, newest first."""
    server.exchange.catch_up()
    params = request.params
    where, values = _filter(params, "at")

    def shape(fill: FillRecord) -> Json:
        order = server.exchange.find(order_id=int(fill.order_id)) if fill.order_id.isdecimal() else None
        return fill_row(fill, order, server.exchange.config, server.config.user_id)

    size = page_size(params, MAX_ROWS, MAX_ROWS)
    return rows_page(server.exchange.records, FillRecord, where, values, params, shape, size=size)
