"""Matching against the market's depth: what an order takes at once, what liquidity is left, and when a resting order
is reached.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from trading.strategy.types import Quote, Side
from trading.venues.simulated.quoting import BookSide, noise

REPLENISH_SECONDS = 5
_PRINT_INSIDE, _PRINT_AT_TOUCH = 4, 12
_PRINT_SIZES = (5, 10, 25, 50, 120, 300, 800, 2_000)


@dataclass(frozen=True, slots=True)
class Execution:
    """A part of an order traded at one price."""

    price: Decimal
    size: int


class Consumed:
    """Contracts our own fills took from the book lately; they come back evenly within a few venue seconds."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, Side], deque[tuple[int, Decimal, int]]] = {}

    def add(self, symbol: str, side: Side, price: Decimal, size: int, second: int) -> None:
        """An order of ``side`` took ``size`` at ``price`` at a Unix second."""
        self._taken.setdefault((symbol, side), deque(maxlen=256)).append((second, price, size))

    def left(self, symbol: str, side: Side, levels: BookSide, second: int) -> BookSide:
        """``levels`` less what orders of ``side`` took and the market has not yet replaced."""
        recent = self._taken.get((symbol, side))
        while recent and recent[0][0] + REPLENISH_SECONDS <= second:
            recent.popleft()
        if not recent:
            return levels
        missing = sum(
            -(-size * (REPLENISH_SECONDS - max(second - at, 0)) // REPLENISH_SECONDS) for at, _, size in recent
        )
        remaining = []
        for price, size in levels:
            gone = min(size, missing)
            missing -= gone
            if size > gone:
                remaining.append((price, size - gone))
        return tuple(remaining)


def acceptable(side: Side, price: Decimal, limit: Decimal | None) -> bool:
    """Whether an order of ``side`` with this limit may trade at ``price``."""
    if limit is None:
        return True
    return price <= limit if side is Side.BUY else price >= limit


def tighter(side: Side, limit: Decimal | None, band_low: Decimal | None, band_high: Decimal | None) -> Decimal | None:
    """The limit of an order bounded by the exchange's price band, which holds for market orders too."""
    bound = band_high if side is Side.BUY else band_low
    if limit is None or bound is None:
        return bound if limit is None else limit
    return min(limit, bound) if side is Side.BUY else max(limit, bound)


def take(side: Side, size: int, limit: Decimal | None, levels: BookSide) -> list[Execution]:
    """What an incoming order trades at once: best price first, never beyond its limit, never more than ``size``."""
    executions = []
    for price, available in levels:
        if size <= 0 or not acceptable(side, price, limit):
            break
        traded = min(size, available)
        executions.append(Execution(price, traded))
        size -= traded
    return executions


def reached(side: Side, limit: Decimal, quote: Quote, *, seed: int, product_id: int, second: int) -> int | None:
    """How many contracts trade against a resting order in this second, or None when the market does not reach it.

    When the opposite side comes to its price, what stands there trades. While the order is itself the best of its
    side, prints hit it at random: one second in four when it improves the touch, one in twelve when it joins it.
    """
    opposite, same = (quote.ask, quote.bid) if side is Side.BUY else (quote.bid, quote.ask)
    if opposite is not None and acceptable(side, opposite, limit):
        return quote.ask_size if side is Side.BUY else quote.bid_size
    if same is not None and not acceptable(side, same, limit):
        return None
    bits = noise(seed, product_id, second + 1_000_003)
    if bits % (_PRINT_AT_TOUCH if same == limit else _PRINT_INSIDE):
        return None
    return _PRINT_SIZES[(bits >> 8) & 7]
