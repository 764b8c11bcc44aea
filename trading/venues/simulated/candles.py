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
from trading.venues.simulated.prints import PrintTimes, priced, print_times
from trading.venues.simulated.products import at_second

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
    path = market.spots(instrument.underlying, at_second(int(times.seconds[0])), at_second(int(times.seconds[-1])))
    level = path[times.seconds - times.seconds[0]]
    chosen = sorted({0, len(level) - 1, int(level.argmax()), int(level.argmin())})
    shown = PrintTimes(times.seconds[chosen], times.sizes[chosen], times.buys[chosen])
    prices = [trade.price for trade in priced(market, instrument, shown)]
    if not prices:
        return None
    opened, closed = prices[0], prices[-1]
    return _candle(first, [opened, closed, max(prices), min(prices)], int(times.sizes.sum()))


def _candle(time: int, prices: list[Decimal], volume: int | None) -> Candle:
    """A candle of at least two prices: the first opens, the second closes."""
    return Candle(time, prices[0], max(prices), min(prices), prices[1], volume)


@lru_cache(maxsize=4096)
def day_stats(market: Market, symbol: str, hour: int) -> Candle | None:
    """Public trades of the 24 hours that end with the Unix hour ``hour``; None when there were none."""
    instrument = market.contract(symbol)
    last = hour * 3_600
    return None if instrument is None else trade_candle(market, instrument, last - DAY, last - 1)
