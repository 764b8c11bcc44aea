"""Public REST paths: settings, products, tickers, books, trades, candles (``spec/delta_exchange.md`` §2 and §10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import date
from typing import TypeVar

from trading.strategy.types import Instrument
from trading.venues.delta_server import products, tickers
from trading.venues.delta_server.catalogue import INDEX_SYMBOLS, UNDERLYING_OF_INDEX, category, expiry_of
from trading.venues.delta_server.faults import WireFault
from trading.venues.delta_server.formats import plain
from trading.venues.delta_server.paging import list_page, page_size
from trading.venues.delta_server.router import rest
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.tape import recent_trades
from trading.venues.delta_server.wire import Json, Page, Request, WireError, bad_schema, integer, text_list
from trading.venues.simulated.candles import RETENTION, Candle, buckets, index_candle, mark_candle, trade_candle
from trading.venues.simulated.clock import micros

RESOLUTIONS = {
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "6h": 21_600,
    "1d": 86_400,
    "1w": 604_800,
}
MAX_CANDLES = 2_000
MAX_DEPTH = 100
_BREATH = 50
_TRADES = 50
T = TypeVar("T")


@rest.route("GET", "/v2/settings")
def settings(server: DeltaServer, request: Request) -> Json:
    """The venue's time in microseconds, whether it is down, and (ours alone) how fast the simulator's clock runs."""
    return {
        "server_time": server.server_time(),
        "under_maintenance": str(server.faults.peek(WireFault.MAINTENANCE) is not None).lower(),
        "portfolio_margin_params": {},
        "simulator": {"speed": server.speed, "venue_time": micros(server.exchange.now())},
    }


@rest.route("GET", "/v2/assets")
def assets(server: DeltaServer, request: Request) -> list[Json]:
    """Every currency."""
    return [products.asset(name) for name in (*server.exchange.market.underlyings, "USD")]


@rest.route("GET", "/v2/indices")
def indices(server: DeltaServer, request: Request) -> list[Json]:
    """Every index."""
    return [products.index(name) for name in server.exchange.market.underlyings]


@rest.route("GET", "/v2/stats")
def stats(server: DeltaServer, request: Request) -> Json:
    """Nothing is counted here."""
    return {"last_7_days_volume": 0, "last_30_days_volume": 0, "total_volume": 0}


@rest.route("GET", "/v2/products", weight=3)
async def list_products(server: DeltaServer, request: Request) -> Page:
    """Contracts by state, type and expiry, paged."""
    params = request.params
    states = text_list(params, "states") or ["live"]
    day = _day(params.get("expiry"), "%Y-%m-%d", "expiry")
    found = server.catalogue.live() if "live" in states else []
    if {"expired", "settled"} & set(states):
        found = [*found, *server.catalogue.expired()]
    wanted = [item for item in found if _wanted(item, text_list(params, "contract_types"), day)]
    chosen, meta = list_page(wanted, params, size=page_size(params, 100, 2_000))
    return Page(await gently(chosen, lambda item: _product(server, item)), meta)


@rest.route("GET", "/v2/products/{symbol}", weight=3)
def one_product(server: DeltaServer, request: Request, symbol: str) -> Json:
    """A contract that is live or expired lately."""
    found = server.catalogue.find(symbol) or next(
        (item for item in server.catalogue.expired() if item.symbol == symbol), None
    )
    if found is None:
        raise WireError(404, "invalid_contract", symbol=symbol)
    return _product(server, found)


def _product(server: DeltaServer, item: Instrument) -> Json:
    now = server.exchange.now()
    if item.settlement_at <= now:
        told = (now - item.settlement_at).total_seconds() >= server.config.quirks.settlement_price_seconds
        return products.expired(server.catalogue, item, told=told)
    days = (item.settlement_at - now).total_seconds() / 86_400
    return products.product(server.catalogue, server.exchange.instrument(item.symbol, now), days)


def _day(text: str | None, pattern: str, name: str) -> date | None:
    if not text:
        return None
    found = expiry_of(text, pattern)
    if found is None:
        raise bad_schema(name, f"{name} has the form {pattern.replace('%', '')}")
    return found


def _wanted(item: Instrument, types: list[str], day: date | None) -> bool:
    return (not types or category(item.symbol) in types) and (day is None or item.settlement_at.date() == day)


async def gently(items: Iterable[T], shape: Callable[[T], Json]) -> list[Json]:
    """Shape many items, letting others run in between."""
    rows = []
    for index, item in enumerate(items):
        if index % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        rows.append(shape(item))
    return rows


def ticker_of(server: DeltaServer, item: Instrument) -> Json | None:
    """The ticker of an option now; None if it settled meanwhile."""
    quote = server.glass.quote(item.symbol)
    if quote is None:
        return None
    return tickers.ticker(server.exchange.market, item, quote, server.spot(item.underlying))


@rest.route("GET", "/v2/tickers", weight=3)
async def list_tickers(server: DeltaServer, request: Request) -> list[Json]:
    """The option chain: by type, underlying and expiry."""
    params = request.params
    types, names = text_list(params, "contract_types"), text_list(params, "underlying_asset_symbols")
    day = _day(params.get("expiry_date"), "%d-%m-%Y", "expiry_date")
    live = [item for item in server.catalogue.live() if _wanted(item, types, day)]
    chosen = [item for item in live if not names or item.underlying in names]
    return [row for row in await gently(chosen, lambda item: ticker_of(server, item) or {}) if row]


@rest.route("GET", "/v2/tickers/{symbols}", weight=3)
def some_tickers(server: DeltaServer, request: Request, symbols: str) -> Json | list[Json]:
    """One ticker, or up to ten, comma-separated."""
    names = text_list({"symbols": symbols}, "symbols", limit=10)
    rows = [ticker_of(server, server.instrument(name)) for name in names]
    found = [row for row in rows if row is not None]
    if not found:
        raise WireError(404, "invalid_contract", symbol=symbols)
    return found if "," in symbols else found[0]


@rest.route("GET", "/v2/l2orderbook/{symbol}", weight=3)
def book(server: DeltaServer, request: Request, symbol: str) -> Json:
    """The order book."""
    depth = integer(request.params, "depth") or MAX_DEPTH
    item, now = server.instrument(symbol), server.exchange.now()
    levels = server.exchange.market.depth(item, now)
    sides = {"buy": levels.bids, "sell": levels.asks}
    rows = {
        side: [
            {"depth": str(sum(size for _, size in rungs[: at + 1])), "price": plain(price), "size": size}
            for at, (price, size) in enumerate(rungs[: min(depth, MAX_DEPTH)])
        ]
        for side, rungs in sides.items()
    }
    return {**rows, "last_updated_at": micros(now), "symbol": symbol}


@rest.route("GET", "/v2/trades/{symbol}")
def trades(server: DeltaServer, request: Request, symbol: str) -> list[Json]:
    """The newest public trades, ours among them."""
    item = server.instrument(symbol)
    return [
        {
            "buyer_role": "taker" if trade.buyer_is_taker else "maker",
            "seller_role": "maker" if trade.buyer_is_taker else "taker",
            "price": plain(trade.price),
            "size": trade.size,
            "symbol": symbol,
            "timestamp": trade.at,
        }
        for trade in recent_trades(server.exchange, item, _TRADES)
    ]


@rest.route("GET", "/v2/history/candles", weight=3)
async def candles(server: DeltaServer, request: Request) -> list[Json]:
    """Candles of trades (plain symbol), marks (``MARK:``) or an index; empty buckets are omitted."""
    params = request.params
    seconds = RESOLUTIONS.get(params.get("resolution", ""))
    if seconds is None:
        raise bad_schema("resolution", f"resolution is one of {', '.join(RESOLUTIONS)}")
    start, end = integer(params, "start"), integer(params, "end")
    if start is None or end is None or start > end:
        raise bad_schema("start", "start and end are Unix seconds, start first")
    now = int(server.exchange.now().timestamp())
    candle = _candle_maker(server, params.get("symbol", ""))
    spans = buckets(max(start, now - RETENTION), min(end, now), seconds, MAX_CANDLES)
    rows = await gently(spans, lambda span: _candle_row(candle(*span)))
    return [row for row in rows if row]


def _candle_maker(server: DeltaServer, symbol: str) -> Callable[[int, int], Candle | None]:
    market = server.exchange.market
    if symbol in UNDERLYING_OF_INDEX:
        underlying = UNDERLYING_OF_INDEX[symbol]
        return lambda first, last: index_candle(market, underlying, first, last)
    if symbol.startswith(("FUNDING:", "OI:")):
        return lambda first, last: None
    item = market.contract(symbol.removeprefix("MARK:"))
    if item is None:
        raise WireError(400, "invalid_contract", symbol=symbol)
    listed = int(server.catalogue.launch_time(item).timestamp())
    maker = mark_candle if symbol.startswith("MARK:") else trade_candle
    return lambda first, last: maker(market, item, max(first, listed), last) if last >= listed else None


def _candle_row(candle: Candle | None) -> Json:
    if candle is None:
        return {}
    prices = {name: float(getattr(candle, name)) for name in ("open", "high", "low", "close")}
    return {"time": candle.time, **prices, "volume": candle.volume or 0}


@rest.route("GET", "/v2/history/sparklines")
def sparklines(server: DeltaServer, request: Request) -> Json:
    """The mark or index of each symbol at the last 24 whole hours: ``[Unix second, price]``."""
    hour = int(server.exchange.now().timestamp()) // 3_600 * 3_600
    found: Json = {}
    for symbol in text_list(request.params, "symbols", limit=10):
        candle = _candle_maker(server, symbol if symbol in UNDERLYING_OF_INDEX else f"MARK:{symbol}")
        points = [candle(at, at) for at in range(hour - 23 * 3_600, hour + 1, 3_600)]
        found[symbol] = [[point.time, float(point.close)] for point in points if point is not None]
    return found


def index_symbols(server: DeltaServer) -> list[str]:
    """The indices that are quoted here."""
    return [INDEX_SYMBOLS[name] for name in server.exchange.market.underlyings]
