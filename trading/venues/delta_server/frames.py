"""Frames of the public socket, with the compact keys and the array orders of ``spec/delta_exchange.md`` §7.2."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final
from zlib import crc32

from trading.strategy.types import Instrument, Quote
from trading.venues.delta_server.formats import number, plain
from trading.venues.delta_server.tape import PublicTrade
from trading.venues.delta_server.tickers import implied, rho
from trading.venues.delta_server.wire import Json
from trading.venues.simulated.candles import Candle, recent_stats
from trading.venues.simulated.clock import micros
from trading.venues.simulated.market import Market
from trading.venues.simulated.quoting import BookSide, Depth

CHECKED_LEVELS: Final = 10
SHOWN_LEVELS: Final = 15


def top(quote: Quote) -> Json:
    """Prices and sizes of ``ob_l1``; null on an empty side."""
    return {
        "ap": plain(quote.ask),
        "as": str(quote.ask_size) if quote.ask is not None else None,
        "bp": plain(quote.bid),
        "bs": str(quote.bid_size) if quote.bid is not None else None,
    }


def ticker_row(market: Market, item: Instrument, quote: Quote, spot: Decimal) -> Json:
    """One element of a ``ticker`` frame's ``d``: ask before bid, and delta, gamma, rho, theta, vega."""
    stats = recent_stats(market, item, int(quote.at.timestamp()))
    turnover = None if stats is None else float((stats.volume or 0) * item.contract_value * spot)
    best = top(quote)
    return {
        "s": item.symbol,
        "i": item.product_id,
        "m": number(quote.mark, 8),
        "m24hc": "0.0000",
        "ohlc": [float(value) for value in (stats.open, stats.high, stats.low, stats.close)] if stats else [None] * 4,
        "oi": [str(quote.open_interest or 0), "0.0000"],
        "pb": [plain(quote.band_low), plain(quote.band_high)],
        "q": [best["ap"], best["as"], best["bp"], best["bs"], None],
        "qiv": [number(value, 8) for value in (implied(quote, quote.ask), implied(quote, quote.bid), quote.iv)],
        "g": [number(value, 8) for value in _greeks(item, quote, spot)],
        "to": [turnover, turnover],
    }


def _greeks(item: Instrument, quote: Quote, spot: Decimal) -> Iterable[float | None]:
    return quote.delta, quote.gamma, rho(item, quote, spot), quote.theta, quote.vega


def rungs(side: BookSide) -> list[tuple[str, str]]:
    """Price levels as pairs of strings, best first."""
    return [(plain(price) or "", str(size)) for price, size in side[:SHOWN_LEVELS]]


def image(depth: Depth) -> Json:
    """Both sides of ``ob_l2``."""
    return {"a": rungs(depth.asks), "b": rungs(depth.bids)}


def checksum(asks: list[tuple[str, str]], bids: list[tuple[str, str]]) -> int:
    """CRC32 over the ten best levels a side: asks ascending, bids descending, strings as sent."""
    sides = (",".join(f"{price}:{size}" for price, size in side[:CHECKED_LEVELS]) for side in (asks, bids))
    return crc32("|".join(sides).encode())


def changes(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What turns one side of a book into another: new or changed levels, and size 0 for those that are gone."""
    old = dict(before)
    new = dict(after)
    gone = [(price, "0") for price in old if price not in new]
    return [(price, size) for price, size in new.items() if old.get(price) != size] + gone


def trade(symbol: str, item: PublicTrade, now: int) -> Json:
    """A ``trades`` frame; ``r`` is the buyer's role."""
    role = "t" if item.buyer_is_taker else "m"
    return {
        "type": "trades",
        "sy": symbol,
        "p": plain(item.price),
        "s": float(item.size),
        "r": role,
        "t": item.at,
        "ts": now,
    }


def candle(token: str, resolution: str, found: Candle, now: int) -> Json:
    """A ``candlestick_*`` frame; marks and indices carry no volume."""
    frame: Json = {
        "type": f"candlestick_{resolution}",
        "sy": token,
        "res": resolution,
        "o": float(found.open),
        "h": float(found.high),
        "l": float(found.low),
        "c": float(found.close),
        "ts": now,
    }
    if found.volume is not None:
        frame["v"] = found.volume
    return frame


def stamp(quote: Quote) -> int:
    """A quote's time in microseconds since 1970."""
    return micros(quote.at)
