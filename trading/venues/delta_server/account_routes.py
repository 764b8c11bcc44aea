"""Signed reads of the account: wallet, positions, margin, preferences, heartbeats (``spec/delta_exchange.md`` §4 to
§6).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from trading.strategy.types import Instrument, Side
from trading.venues.delta_server import products
from trading.venues.delta_server.catalogue import category
from trading.venues.delta_server.formats import average, iso, number, plain
from trading.venues.delta_server.paging import MAX_ROWS, page_size, rows_page
from trading.venues.delta_server.router import PUBLIC, READ, TRADE, rest
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.wire import (
    Json,
    Page,
    Request,
    Response,
    WireError,
    bad_schema,
    choice,
    decimal,
    encode,
    id_list,
    integer,
    text_list,
)
from trading.venues.simulated.products import UNDERLYINGS, parse_symbol
from trading.venues.simulated.records import PositionRecord, Transaction

_CENT = Decimal("0.00000001")


def balance_row(server: DeltaServer) -> Json:
    """The wallet's one row; ``balance`` excludes unrealised profit."""
    balance = server.exchange.balance()
    held = sum((server.exchange.margin_of(row.symbol, row.size) for row in server.exchange.positions()), Decimal(0))
    zeros = (
        *("commission", "portfolio_margin", "trading_fee_credit", "unvested_amount", "strategy_blocked_amount"),
        *("cross_order_margin", "cross_position_margin", "cross_commission", "cross_locked_collateral"),
    )
    return {
        "asset_id": products.USD_ID,
        "asset_symbol": "USD",
        "balance": plain(balance.cash),
        "available_balance": plain(balance.available),
        "blocked_margin": plain(balance.margin),
        "position_margin": plain(held),
        "order_margin": plain(balance.margin - held),
        "user_id": server.config.user_id,
        **dict.fromkeys(zeros, "0"),
    }


@rest.route("GET", "/v2/wallet/balances", weight=3, access=READ)
def balances(server: DeltaServer, request: Request) -> Page:
    """Cash and margin, with the net equity."""
    equity = server.exchange.balance().cash
    for position in server.exchange.positions():
        equity += _profit(server, position) or Decimal(0)
    return Page([balance_row(server)], {"net_equity": number(equity, 8), "robo_trading_equity": "0"})


@rest.route("GET", "/v2/wallet/transactions", weight=10, access=READ)
def transactions(server: DeltaServer, request: Request) -> Page:
    """Wallet entries, newest first."""
    server.exchange.catch_up()
    params = request.params
    where, values = time_filter(params, "at")
    kinds = text_list(params, "transaction_types")
    if kinds:
        where.append(f"kind IN ({', '.join('?' * len(kinds))})")
        values += kinds
    if not server.config.quirks.lists_worthless:
        where.append("NOT (kind = 'settlement' AND amount = '0')")
    assets = text_list(params, "asset_ids")
    if assets and str(products.USD_ID) not in assets:
        where.append("0")
    size = page_size(params, MAX_ROWS, MAX_ROWS)
    return rows_page(server.exchange.records, Transaction, where, values, params, _transaction, size=size)


def time_filter(params: dict[str, str], column: str) -> tuple[list[str], list[object]]:
    """Conditions for ``start_time`` and ``end_time`` (microseconds)."""
    where: list[str] = []
    values: list[object] = []
    for name, sign in (("start_time", ">="), ("end_time", "<=")):
        bound = integer(params, name)
        if bound is not None:
            where.append(f"{column} {sign} ?")
            values.append(bound)
    return where, values


def _transaction(row: Transaction) -> Json:
    name = parse_symbol(row.symbol)
    return {
        "id": row.sequence,
        "uuid": f"tx-{row.sequence}",
        "user_id": None,
        "amount": plain(row.amount),
        "balance": plain(row.balance),
        "transaction_type": row.kind,
        "product_id": None if name is None else name.product_id,
        "asset_id": products.USD_ID,
        "asset_symbol": "USD",
        "meta_data": {"symbol": row.symbol} if row.symbol else {},
        "created_at": iso(row.at),
    }


@rest.route("GET", "/v2/positions", weight=3, access=READ)
def positions(server: DeltaServer, request: Request) -> Json | list[Json]:
    """Size and entry in real time: one object by ``product_id``, a list by ``underlying_asset_symbol``."""
    params = request.params
    product_id, underlying = integer(params, "product_id"), params.get("underlying_asset_symbol")
    if (product_id is None) == (not underlying):
        raise bad_schema("product_id", "give exactly one of product_id and underlying_asset_symbol")
    held = server.exchange.positions()
    if product_id is not None:
        found = next((row for row in held if row.product_id == product_id), None)
        return {"size": found.size if found else 0, "entry_price": average(found.entry_price) if found else None}
    return [
        {
            "user_id": server.config.user_id,
            "product_id": row.product_id,
            "product_symbol": row.symbol,
            "size": row.size,
            "entry_price": average(row.entry_price),
        }
        for row in held
        if row.symbol.split("-")[1] == underlying
    ]


@rest.route("GET", "/v2/positions/margined", weight=3, access=READ)
def margined(server: DeltaServer, request: Request) -> list[Json]:
    """Every position with margin and profit; may be seconds old."""
    params = request.params
    ids, types = id_list(params, "product_ids"), text_list(params, "contract_types")
    return [
        position_row(server, row)
        for row in server.lagging_positions()
        if (not ids or row.product_id in ids) and (not types or category(row.symbol) in types)
    ]


def _profit(server: DeltaServer, position: PositionRecord) -> Decimal | None:
    quote = server.exchange.quote(position.symbol)
    if quote is None or quote.mark is None:
        return None
    lot = UNDERLYINGS[position.symbol.split("-")[1]].contract_value
    return (quote.mark - position.entry_price) * position.size * lot


def position_row(server: DeltaServer, position: PositionRecord) -> Json:
    """A position in full; ``unrealized_pnl`` of shorts is wrong in the exchange's way when that quirk is on."""
    quote = server.exchange.quote(position.symbol)
    mark = quote.mark if quote else None
    lot = UNDERLYINGS[position.symbol.split("-")[1]].contract_value
    profit = _profit(server, position)
    if position.size < 0 and mark is not None and server.config.quirks.unsigned_short_pnl:
        profit = mark * -position.size * lot
    return {
        "user_id": server.config.user_id,
        "product_id": position.product_id,
        "product_symbol": position.symbol,
        "size": position.size,
        "entry_price": average(position.entry_price),
        "mark_price": number(mark, 8),
        "margin": plain(server.exchange.margin_of(position.symbol, position.size)),
        "liquidation_price": None,
        "bankruptcy_price": None,
        "adl_level": "1.0",
        "commission": "0",
        "realized_pnl": plain(position.realized.quantize(_CENT)),
        "realized_cashflow": "0",
        "realized_funding": "0",
        "unrealized_pnl": None if profit is None else number(profit, 8),
        "auto_topup": False,
        "margin_mode": "isolated",
        "product": products.reference(position.product_id, position.symbol),
    }


@rest.route("GET", "/v2/products/{product_id}/orders/leverage", access=READ)
def leverage(server: DeltaServer, request: Request, product_id: str) -> Json:
    """The leverage of orders in a contract."""
    item = server.product(product_id, None)
    days = (item.settlement_at - server.exchange.now()).total_seconds() / 86_400
    return _leverage_row(server, item, server.leverages.get(item.product_id, products.leverage(item, days)))


@rest.route("POST", "/v2/products/{product_id}/orders/leverage", access=TRADE)
def set_leverage(server: DeltaServer, request: Request, product_id: str) -> Json:
    """Remember another leverage; margins here do not follow it."""
    item = server.product(product_id, None)
    wanted = decimal(request.json(), "leverage")
    days = (item.settlement_at - server.exchange.now()).total_seconds() / 86_400
    if wanted is None or wanted < 1:
        raise WireError(400, "min_leverage_exceeded")
    if wanted > products.leverage(item, days):
        raise WireError(400, "max_leverage_exceeded")
    server.leverages[item.product_id] = wanted
    return _leverage_row(server, item, wanted)


def _leverage_row(server: DeltaServer, item: Instrument, value: Decimal) -> Json:
    return {
        "leverage": plain(value),
        "order_margin": "0",
        "product_id": item.product_id,
        "margin_mode": "isolated",
        "index_symbol": None,
        "user_id": server.config.user_id,
    }


@rest.route("GET", "/v2/products/{product_id}/margin_required", access=READ)
def margin_required(server: DeltaServer, request: Request, product_id: str) -> Json:
    """What an order of this size would bind: premium for buys, the margin formula for sells."""
    params = request.params
    item, size = server.product(product_id, None), integer(params, "size")
    if size is None or size < 1:
        raise bad_schema("size", "size is at least 1")
    side = Side(choice(params, "side", tuple(Side), "sell"))
    quote = server.exchange.quote(item.symbol)
    if side is Side.BUY:
        price = decimal(params, "limit_price") or (quote.ask if quote else None) or Decimal(0)
        initial = maintenance = price * size * item.contract_value
    else:
        initial = server.exchange.margin_of(item.symbol, -size)
        maintenance = _maintenance(server, item, -size)
    return {"initial_margin": plain(initial), "maintenance_margin": plain(maintenance), "order_size": size}


def _maintenance(server: DeltaServer, item: Instrument, size: int) -> Decimal:
    now = server.exchange.now()
    days = (item.settlement_at - now).total_seconds() / 86_400
    return server.exchange.config.margin.maintenance(
        terms=UNDERLYINGS[item.underlying].margin_terms(days),
        size=size,
        mark=server.exchange.market.quote(item, now).mark or Decimal(0),
        index=server.spot(item.underlying),
        contract_value=item.contract_value,
    )


@rest.route("GET", "/v2/users/trading_preferences", access=READ)
def preferences(server: DeltaServer, request: Request) -> Json:
    """Where an API key finds its user id."""
    return {
        "user_id": server.config.user_id,
        "default_auto_topup": False,
        "showMarketOrdersForOptionsInBracket": False,
        "margin_mode": "isolated",
        "email_preferences": {},
        "notification_preferences": {},
        "interest_credit": False,
        "vip_level": 0,
        "vip_discount_factor": "1",
    }


@rest.route("GET", "/v2/profile", access=READ)
def profile(server: DeltaServer, request: Request) -> Json:
    """Closed to API keys since 19 August 2026."""
    raise WireError(401, "unauthorized_api_access")


@rest.route("PUT", "/v2/users/margin_mode", access=TRADE)
def margin_mode(server: DeltaServer, request: Request) -> Json:
    """Only isolated margin exists here."""
    if choice(request.json(), "margin_mode", ("isolated", "portfolio", "cross"), "isolated") != "isolated":
        raise WireError(400, "trading_not_allowed_on_current_margin_mode")
    return {"margin_mode": "isolated", "user_id": server.config.user_id}


@rest.route("GET", "/v2/rate_limits/quota", weight=3, access=PUBLIC)
def quota(server: DeltaServer, request: Request) -> Response:
    """Units used in this window, without an envelope: the user's when signed, else the address's."""
    bucket = bucket_of(server, request, signed=bool(request.headers.get("api-key")))
    used, left = server.limiter.window(bucket).used, server.limiter.remaining_ms(bucket)
    return Response(200, encode({"current_quota": used, "remaining_time_in_milliseconds": left}))


def bucket_of(server: DeltaServer, request: Request, *, signed: bool) -> str:
    """Who pays: the user for signed requests, the address for others."""
    return f"user:{server.config.user_id}" if signed else f"ip:{request.client}"


@rest.route("POST", "/v2/heartbeat/create", access=TRADE)
def create_heartbeat(server: DeltaServer, request: Request) -> Json:
    """A new dead-man switch, not yet armed."""
    return server.deadman.create(request.json())


@rest.route("POST", "/v2/heartbeat", access=TRADE)
def beat(server: DeltaServer, request: Request) -> Json:
    """Acknowledge: arms the switch, or disarms it with ttl 0."""
    return server.deadman.acknowledge(request.json())


@rest.route("GET", "/v2/heartbeat", access=READ)
def heartbeats(server: DeltaServer, request: Request) -> Sequence[dict[str, Any]]:
    """The account's switches."""
    return server.deadman.rows(request.params.get("heartbeat_id", ""), server.config.user_id)
