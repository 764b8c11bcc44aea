"""Finding the seconds in which the market reaches a resting order, however long nobody looked.

The answer depends on seed and time only, not on how often anybody asks. Long gaps are searched minute by minute with
a bound on how far the quotes can have come, so that a day without a poll costs milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from trading.strategy.types import Instrument, OptionType, Side
from trading.venues.simulated.book import reached
from trading.venues.simulated.market import Market
from trading.venues.simulated.products import at_second
from trading.venues.simulated.records import OrderRecord

_BLOCK = 60
_SHORT_GAP = 2 * _BLOCK


def touches(
    market: Market, order: OrderRecord, instrument: Instrument, after: int, until: int
) -> Iterator[tuple[int, int]]:
    """``(Unix second, contracts)`` of each second in (``after``, ``until``] in which contracts trade against
    ``order``, in time order.
    """
    if order.limit_price is None:
        return
    first = after + 1
    while first <= until:
        last = until if until - first < _SHORT_GAP else first + _BLOCK - 1 - first % _BLOCK
        if last == until or _within_reach(market, order, instrument, first, last):
            yield from _seconds(market, order, instrument, first, last)
        first = last + 1


def _seconds(
    market: Market, order: OrderRecord, instrument: Instrument, first: int, last: int
) -> Iterator[tuple[int, int]]:
    limit = order.limit_price
    for second in range(first, last + 1):
        at = at_second(second)
        if limit is None or at >= instrument.settlement_at:
            return
        size = reached(
            order.side,
            limit,
            market.quote(instrument, at),
            seed=market.seed,
            product_id=order.product_id,
            second=second,
        )
        if size:
            yield second, size


def _within_reach(market: Market, order: OrderRecord, instrument: Instrument, first: int, last: int) -> bool:
    """Whether the touch may have come to the order's price in this minute; False only when it certainly has not."""
    cheap = order.side is Side.BUY
    low, high = _extremes(market, instrument, at_second(first), at_second(last))
    falling = cheap is (instrument.option_type is OptionType.CALL)
    bound = market.touch_bound(
        instrument, at_second(last if cheap else first), spot=low if falling else high, cheap=cheap
    )
    limit = order.limit_price
    return limit is not None and (float(limit) >= bound if cheap else float(limit) <= bound)


def _extremes(market: Market, instrument: Instrument, first: datetime, last: datetime) -> tuple[float, float]:
    window = market.spots(instrument.underlying, first, last)
    return float(window.min()), float(window.max())
