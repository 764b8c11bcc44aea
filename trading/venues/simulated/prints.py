"""The public tape: trades of others, a function of seed and time like everything else in the market.

A contract prints at most once a minute, at the touch, more often the more popular it is; a fifth of all contracts
never trades. Our own fills are not part of it: whoever shows the tape merges them in.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trading.strategy.types import Instrument, Side
from trading.venues.simulated.market import Market
from trading.venues.simulated.products import AUCTION_SECONDS, at_second
from trading.venues.simulated.quoting import noise

_MINUTE = 60
_LOOK_BACK = 86_400
_SALT = 500_009
_UNTRADED = 51  # of 256
_MASK = np.uint64(0xFFFFFFFF)
_SIZES = np.array([1, 2, 5, 10, 25, 50, 120, 300])


@dataclass(frozen=True, slots=True)
class Print:
    """One public trade: ``side`` is the aggressor's; ``at`` a Unix second; price in dollars, size in contracts."""

    at: int
    price: Decimal
    size: int
    side: Side


@dataclass(frozen=True, slots=True)
class PrintTimes:
    """Seconds, sizes and aggressors (True buys) of prints, without their prices."""

    seconds: NDArray[np.int64]
    sizes: NDArray[np.int64]
    buys: NDArray[np.bool_]


def popularity(seed: int, product_id: int) -> int:
    """How often a contract trades, in prints per 512 minutes; 0 for the fifth that nobody trades."""
    rank = noise(seed, product_id, _SALT) & 0xFF
    return 0 if rank < _UNTRADED else rank


def print_times(market: Market, instrument: Instrument, first: int, last: int) -> PrintTimes:
    """When and how much traded from ``first`` to ``last`` (Unix seconds, inclusive)."""
    minutes = np.arange(first // _MINUTE, last // _MINUTE + 1, dtype=np.uint64)
    bits = _noise(market.seed, instrument.product_id, minutes)
    seconds = (minutes * np.uint64(_MINUTE) + (bits >> np.uint64(9)) % np.uint64(_MINUTE)).astype(np.int64)
    struck = (bits & np.uint64(0x1FF)) < np.uint64(popularity(market.seed, instrument.product_id))
    kept = struck & (seconds >= max(first, _opens(market, instrument.symbol, last // _LOOK_BACK))) & (seconds <= last)
    kept &= seconds < int(instrument.settlement_at.timestamp())
    sizes = _SIZES[(bits >> np.uint64(20)).astype(np.int64) & 7]
    buys = (bits >> np.uint64(24)) & np.uint64(1) == 1
    return PrintTimes(seconds[kept], sizes[kept], buys[kept])


def _noise(seed: int, number: int, times: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """As ``quoting.noise``, for many times at once."""
    start = (seed * 0x9E3779B1 + number * 0x85EBCA6B) & 0xFFFFFFFF
    bits = (np.uint64(start) + (times + np.uint64(_SALT)) * np.uint64(0xC2B2AE35)) & _MASK
    bits = ((bits ^ (bits >> np.uint64(16))) * np.uint64(0x7FEB352D)) & _MASK
    bits = ((bits ^ (bits >> np.uint64(15))) * np.uint64(0x846CA68B)) & _MASK
    return bits ^ (bits >> np.uint64(16))


@lru_cache(maxsize=8192)
def _opens(market: Market, symbol: str, day: int) -> int:
    """The second from which the contract trades: its listing and the opening auction after it."""
    contract = market.contract(symbol)
    eve = at_second(min((day + 1) * _LOOK_BACK, int(contract.settlement_at.timestamp()) if contract else 0) - 1)
    launched = market.launched(symbol, eve)
    return int(launched.timestamp()) + AUCTION_SECONDS if launched else 1 << 62


def priced(market: Market, instrument: Instrument, times: PrintTimes) -> list[Print]:
    """Prints with their prices, oldest first: buys at the ask, sells at the bid; none where that side is empty."""
    found = []
    for second, size, buys in zip(times.seconds.tolist(), times.sizes.tolist(), times.buys.tolist(), strict=True):
        quote = market.quote(instrument, at_second(second))
        price = quote.ask if buys else quote.bid
        if price is not None:
            found.append(Print(second, price, size, Side.BUY if buys else Side.SELL))
    return found


def recent_prints(market: Market, instrument: Instrument, until: int, count: int) -> list[Print]:
    """The last ``count`` prints up to ``until`` within a day, newest first."""
    times = print_times(market, instrument, until - _LOOK_BACK, until)
    newest = PrintTimes(times.seconds[-count:], times.sizes[-count:], times.buys[-count:])
    return priced(market, instrument, newest)[::-1]


def last_print(market: Market, instrument: Instrument, until: int) -> Print | None:
    """The newest print up to ``until`` within a day."""
    minute = until // _MINUTE
    if popularity(market.seed, instrument.product_id) == 0:
        return None
    current = print_times(market, instrument, minute * _MINUTE, until)
    if len(current.seconds):
        return next(iter(priced(market, instrument, current)[::-1]), None)
    return _last_before(market, instrument.symbol, minute)


@lru_cache(maxsize=4096)
def _last_before(market: Market, symbol: str, minute: int) -> Print | None:
    instrument = market.contract(symbol)
    if instrument is None:
        return None
    return next(iter(recent_prints(market, instrument, minute * _MINUTE - 1, 1)), None)
