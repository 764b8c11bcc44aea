"""Statistics of a series of results; no database, no clock. Amounts are Decimal dollars unless said otherwise; those of
type ``Amount`` may also be whole numbers of a smaller unit, which long series add up faster.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import accumulate, groupby
from typing import Final, TypeVar

IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")
ZERO: Final = Decimal(0)
CENT: Final = Decimal("0.01")
HUNDRED: Final = Decimal(100)
ROLLING_SESSIONS: Final = 10
BUCKETS: Final = 10
DAYS_PER_YEAR: Final = 365
"""The venue trades every day of the year."""

Amount = TypeVar("Amount", int, Decimal)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Of a histogram: how many values are in [start, end), the last bucket including its end."""

    start: Decimal
    end: Decimal
    count: int


def ratio(part: Decimal | int, whole: Decimal | int) -> Decimal:
    """``part / whole``, 0 where there is nothing to divide by."""
    return Decimal(part) / Decimal(whole) if whole else ZERO


def streaks(results: Sequence[Amount]) -> tuple[int, int]:
    """The longest runs of wins and of losses; a result of zero ends both."""
    longest = {1: 0, -1: 0, 0: 0}
    for sign, run in groupby((value > 0) - (value < 0) for value in results):
        longest[sign] = max(longest[sign], sum(1 for _ in run))
    return longest[1], longest[-1]


def drawdowns(results: Sequence[Amount]) -> list[Amount]:
    """After each result, how far the sum so far is below the highest it ever was, the start's 0 included; never
    negative.
    """
    sums = list(accumulate(results))
    peaks = accumulate(sums, max)
    return [(peak if peak > 0 else 0) - value for peak, value in zip(peaks, sums, strict=True)]


def rolling_win_rates(results: Sequence[Amount], window: int = ROLLING_SESSIONS) -> list[Decimal]:
    """After each result, the percentage of wins among the newest ``window`` results, or as many as there are."""
    won = [0, *accumulate(int(value > 0) for value in results)]
    # There are few different ones.
    rate = cache(lambda wins, of: ratio(wins * 100, of))
    starts = (max(0, end - window) for end in range(1, len(won)))
    return [rate(won[end] - won[start], end - start) for end, start in enumerate(starts, 1)]


def histogram(results: Sequence[Amount], buckets: int = BUCKETS) -> list[Bucket]:
    """Equal buckets from the least to the greatest result, the empty ones left out; one bucket when all are equal. They
    begin and end in the unit of the results.
    """
    if not results:
        return []
    low, high = min(results), max(results)
    first, last, span = Decimal(low), Decimal(high), high - low
    if not span:
        return [Bucket(first, last, len(results))]
    counts = [0] * buckets
    for value in results:
        counts[min(int((value - low) * buckets // span), buckets - 1)] += 1
    width = (last - first) / buckets
    return [
        Bucket(first + width * place, last if place == buckets - 1 else first + width * (place + 1), count)
        for place, count in enumerate(counts)
        if count
    ]


def sharpe(returns: Sequence[float]) -> float | None:
    """Mean of the daily returns over their sample deviation, times √365; None below two days or without deviation."""
    if len(returns) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in returns) / (len(returns) - 1))
    return _annual(mean, deviation)


def sortino(returns: Sequence[float]) -> float | None:
    """Mean of the daily returns over the root mean square of the negative ones (zeros for all others), times √365; None
    below two days or without a losing one.
    """
    if len(returns) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    return _annual(mean, math.sqrt(math.fsum(min(value, 0.0) ** 2 for value in returns) / len(returns)))


def _annual(mean: float, deviation: float) -> float | None:
    # What rounding leaves of a constant series is no deviation.
    return mean / deviation * math.sqrt(DAYS_PER_YEAR) if deviation > 1e-12 else None


def cents(value: Decimal) -> Decimal:
    """Rounded to the cent, halves away from zero."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def to_the_cent(parts: Mapping[str, Decimal], total: Decimal, rest: str = "residual") -> dict[str, Decimal]:
    """``parts`` rounded to cents such that they still sum to ``total`` rounded: ``rest`` takes the difference."""
    rounded = {name: cents(value) for name, value in parts.items() if name != rest}
    last = cents(total) - sum(rounded.values(), ZERO)
    return {name: last if name == rest else rounded[name] for name in parts}


def thinned(count: int, most: int, keep: Sequence[int] = ()) -> list[int]:
    """At most about ``most`` places out of ``count``, evenly apart, with the first, the last and those of ``keep``."""
    if count <= most:
        return list(range(count))
    stride = -(-count // max(1, most - 1 - len(keep)))
    return sorted({*range(0, count, stride), count - 1, *keep})
