"""Candles of index, mark and public trades, made from the market's function of time.

The extremes of an option's candle are taken where the index has its extremes, which is where a mark or a trade has
them but for the drift of volatility within the bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from trading.strategy.types import Instrument
from trading.venues.simulated.market import Market
from trading.venues.simulated.paths import Array
from trading.venues.simulated.prints import PrintTimes, priced, print_times
from trading.venues.simulated.products import at_second

HOUR = 3_600
DAY = 86_400
RETENTION = 90 * DAY


@dataclass(frozen=True, slots=True)
class Candle:
    """Prices in dollars from Unix second ``time`` on; ``volume`` is contracts, None where nothing is traded."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int | None = None


def buckets(first: int, last: int, seconds: int, most: int) -> Iterator[tuple[int, int]]:
    """First and last second of each bucket from ``first`` to ``last``, at most the ``most`` newest."""
    start = first - first % seconds
    start = max(start, last - last % seconds - (most - 1) * seconds)
    for begin in range(start, last + 1, seconds):
        yield begin, min(begin + seconds - 1, last)


def index_candle(market: Market, underlying: str, first: int, last: int) -> Candle:
    """The index from ``first`` to ``last``."""
    path = market.spots(underlying, at_second(first), at_second(last))
    marks = [first, last, first + int(path.argmax()), first + int(path.argmin())]
    return _candle(first, [market.spot(underlying, at_second(second)) for second in marks], None)


def mark_candle(market: Market, instrument: Instrument, first: int, last: int) -> Candle | None:
    """The mark of an option from ``first`` to ``last``; None when it has no mark there."""
    last = min(last, int(instrument.settlement_at.timestamp()) - 1)
    if last < first:
        return None
    path = market.spots(instrument.underlying, at_second(first), at_second(last))
    moments = [first, last, first + int(path.argmax()), first + int(path.argmin())]
    prices = [market.quote(instrument, at_second(second)).mark for second in moments]
    return _candle(first, [price or Decimal(0) for price in prices], None)


def trade_candle(market: Market, instrument: Instrument, first: int, last: int) -> Candle | None:
    """The public trades of an option from ``first`` to ``last``; None when there were none."""
    times = print_times(market, instrument, first, last)
    if not len(times.seconds):
        return None
    start = first - first % HOUR
    level = _path(market, instrument.underlying, start, last + HOUR - last % HOUR)[times.seconds - start]
    chosen = sorted({0, len(level) - 1, int(level.argmax()), int(level.argmin())})
    shown = PrintTimes(times.seconds[chosen], times.sizes[chosen], times.buys[chosen])
    prices = [trade.price for trade in priced(market, instrument, shown)]
    if not prices:
        return None
    opened, closed = prices[0], prices[-1]
    return _candle(first, [opened, closed, max(prices), min(prices)], int(times.sizes.sum()))


@lru_cache(maxsize=16)
def _path(market: Market, underlying: str, first: int, last: int) -> Array:
    """The index at every second; shared by all options that are looked at over the same time."""
    return market.spots(underlying, at_second(first), at_second(last))


def _candle(time: int, prices: list[Decimal], volume: int | None) -> Candle:
    """A candle of at least two prices: the first opens, the second closes."""
    return Candle(time, prices[0], max(prices), min(prices), prices[1], volume)


def recent_stats(market: Market, instrument: Instrument, now: int) -> Candle | None:
    """Public trades of 24 hours that ended within the last hour; None when there were none.

    Every option begins its hour at another second, so that a chain never renews all of its figures at once.
    """
    offset = instrument.product_id * 37 % HOUR
    return _day_stats(market, instrument.symbol, (now - offset) // HOUR, offset)


@lru_cache(maxsize=4096)
def _day_stats(market: Market, symbol: str, hour: int, offset: int) -> Candle | None:
    instrument = market.contract(symbol)
    last = hour * HOUR + offset
    return None if instrument is None else trade_candle(market, instrument, last - DAY, last - 1)
