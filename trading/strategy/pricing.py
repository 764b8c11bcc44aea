"""Black–Scholes for options on an index without carry: r = 0, ACT/365 to settlement, σ a fraction (0.42 is 42 %).

The exchange's marks and greeks follow exactly this model (``spec/delta_exchange.md`` §2.3, checked against a captured
chain). All values are dollars per one unit of the underlying.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from trading.strategy.types import OptionType

SECONDS_PER_YEAR = 365.0 * 86_400.0
DAYS_PER_YEAR = 365.0
MAX_IV = 50.0
_ROOT_TWO = math.sqrt(2.0)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_TINY = 1e-12
_BISECTIONS = 200


@dataclass(frozen=True, slots=True)
class Greeks:
    """Price and sensitivities in the venue's units: theta per calendar day, vega per percentage point of IV, gamma per
    dollar.
    """

    price: float
    delta: float
    gamma: float
    theta: float
    vega: float


def years_between(now: datetime, settlement: datetime) -> float:
    """Years (ACT/365) from ``now`` to ``settlement``, both aware; 0 once settlement has passed."""
    return max((settlement - now).total_seconds(), 0.0) / SECONDS_PER_YEAR


def expected_move(spot: float, iv: float, years: float) -> float:
    """One standard deviation of the underlying in dollars: S·IV·√T; 0 when nothing is left to move."""
    return spot * iv * math.sqrt(years) if years > 0 and iv > 0 else 0.0


def price(kind: OptionType, spot: float, strike: float, years: float, iv: float) -> float:
    """Value of a European option in dollars; the intrinsic value when time, volatility, spot or strike leave nothing to
    model.
    """
    deviation = _deviation(spot, strike, years, iv)
    if deviation is None:
        return intrinsic(kind, spot, strike)
    d1 = _d1(spot, strike, deviation)
    return _value(kind, spot, strike, d1, d1 - deviation)


def greeks(kind: OptionType, spot: float, strike: float, years: float, iv: float) -> Greeks:
    """Price and greeks of a European option, with intrinsic value and a step delta where the model degenerates."""
    deviation = _deviation(spot, strike, years, iv)
    if deviation is None:
        return Greeks(intrinsic(kind, spot, strike), _step_delta(kind, spot, strike), 0.0, 0.0, 0.0)
    d1 = _d1(spot, strike, deviation)
    density = math.exp(-d1 * d1 / 2.0) / _ROOT_TWO_PI
    root_years = math.sqrt(years)
    return Greeks(
        price=_value(kind, spot, strike, d1, d1 - deviation),
        delta=_cdf(d1) if kind is OptionType.CALL else -_cdf(-d1),
        gamma=density / (spot * deviation) if spot * deviation > 0.0 else 0.0,
        theta=-spot * density * iv / (2.0 * root_years) / DAYS_PER_YEAR,
        vega=spot * density * root_years / 100.0,
    )


def _d1(spot: float, strike: float, deviation: float) -> float:
    # A difference of logarithms, because the quotient of very unlike prices can underflow to zero.
    return (math.log(spot) - math.log(strike)) / deviation + deviation / 2.0


def implied_vol(kind: OptionType, price: float, spot: float, strike: float, years: float) -> float | None:
    """The σ at which the model gives ``price``, or None when none in (0, 5000 %] does: at or below intrinsic, beyond
    the bound, or expired.
    """
    if spot <= 0 or strike <= 0 or years <= 0:
        return None
    ceiling = spot if kind is OptionType.CALL else strike
    if not intrinsic(kind, spot, strike) < price < ceiling:
        return None
    return _bisect(kind, price, spot, strike, years)


def intrinsic(kind: OptionType, spot: float, strike: float) -> float:
    """Payoff in dollars if the option settled at ``spot``."""
    return max(spot - strike, 0.0) if kind is OptionType.CALL else max(strike - spot, 0.0)


def _bisect(kind: OptionType, target: float, spot: float, strike: float, years: float) -> float | None:
    low, high = 0.0, MAX_IV
    if price(kind, spot, strike, years, high) < target:
        return None
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if price(kind, spot, strike, years, middle) < target:
            low = middle
        else:
            high = middle
    return high


def _deviation(spot: float, strike: float, years: float, iv: float) -> float | None:
    if spot <= 0 or strike <= 0 or years <= 0 or iv <= 0:
        return None
    deviation = iv * math.sqrt(years)
    return deviation if deviation > _TINY else None


def _value(kind: OptionType, spot: float, strike: float, d1: float, d2: float) -> float:
    if kind is OptionType.CALL:
        return max(spot * _cdf(d1) - strike * _cdf(d2), 0.0)
    return max(strike * _cdf(-d2) - spot * _cdf(-d1), 0.0)


def _step_delta(kind: OptionType, spot: float, strike: float) -> float:
    above = 0.5 if spot == strike else float(spot > strike)
    return above if kind is OptionType.CALL else above - 1.0


def _cdf(x: float) -> float:
    return math.erfc(-x / _ROOT_TWO) / 2.0
