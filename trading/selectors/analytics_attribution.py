"""What made the P&L of a short leg: a Taylor expansion of Black–Scholes along the recorded path of the index.

The leg is followed from its entry to its exit at *decision prices*, the quotes that the engine saw when it decided:
what the fills did beyond those is slippage and stands apart. Between two neighbouring points of the path the option
gains ``Δ·dS + ½Γ·dS² + Θ·dt + ν·dσ`` with the greeks at the first of the two, where σ runs straight, in time, from the
volatility implied by the entry to the one implied by the exit. What the expansion leaves over is the residual, so that
the parts always sum to the whole. The method is described in ``docs/analytics.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from trading.strategy.pricing import Greeks, greeks, implied_vol, years_between
from trading.strategy.types import ZERO, OptionType

EIGHT = Decimal("1e-8")
BEYOND_SENSE = 1e9
SECONDS_PER_DAY = 86_400.0
PERCENT_POINTS = 100.0

Path = Sequence[tuple[datetime, float]]


@dataclass(frozen=True, slots=True)
class Attribution:
    """Dollars by cause, signed for the account: positive made money. ``fees`` are zero or negative."""

    delta: Decimal = ZERO
    gamma: Decimal = ZERO
    theta: Decimal = ZERO
    vega: Decimal = ZERO
    residual: Decimal = ZERO
    slippage: Decimal = ZERO
    fees: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """The realised P&L, net of fees."""
        return self.delta + self.gamma + self.theta + self.vega + self.residual + self.slippage + self.fees

    def __add__(self, other: Attribution) -> Attribution:
        """Cause by cause."""
        return Attribution(
            self.delta + other.delta,
            self.gamma + other.gamma,
            self.theta + other.theta,
            self.vega + other.vega,
            self.residual + other.residual,
            self.slippage + other.slippage,
            self.fees + other.fees,
        )


@dataclass(frozen=True, slots=True)
class ShortLeg:
    """A leg sold and bought back. Prices are averages of the decision prices, ``units`` of the underlying; ``gross`` is
    the dollars the ledger realised before ``fees``, ``slippage`` the part of it that the fills did.
    """

    kind: OptionType
    strike: float
    settles_at: datetime
    units: Decimal
    sold_at: datetime
    sold: Decimal
    bought_at: datetime
    bought: Decimal
    gross: Decimal
    slippage: Decimal
    fees: Decimal


def attribute(leg: ShortLeg, path: Path) -> Attribution:
    """The causes of ``leg``'s P&L; their ``total`` is exactly ``gross − fees``.

    ``path`` holds the index from entry to exit, both included, in order of time. With fewer than two points, or where
    no volatility gives the prices, all that the market did is residual.
    """
    delta, gamma, theta, vega = (_dollars(part, leg.units) for part in _greek_parts(leg, path))
    residual = leg.gross - leg.slippage - delta - gamma - theta - vega
    return Attribution(delta, gamma, theta, vega, residual, leg.slippage, -leg.fees)


def _dollars(per_unit: float, units: Decimal) -> Decimal:
    # Minus: the leg is short what the parts describe.
    return (-Decimal(repr(per_unit)) * units).quantize(EIGHT)


def _greek_parts(leg: ShortLeg, path: Path) -> tuple[float, float, float, float]:
    """Dollars per unit by which delta, gamma, theta and vega moved the option; zeros where the model degenerates."""
    nothing = (0.0, 0.0, 0.0, 0.0)
    if len(path) < 2:
        return nothing
    vols = _vols(leg, path[0][1], path[-1][1])
    if vols is None:
        return nothing
    steps = [_step(leg, vols, before, after) for before, after in pairwise(path)]
    parts = [math.fsum(column) for column in zip(*steps, strict=True)]
    if not all(math.isfinite(part) and abs(part) < BEYOND_SENSE for part in parts):
        return nothing
    return parts[0], parts[1], parts[2], parts[3]


def _vols(leg: ShortLeg, first: float, last: float) -> tuple[float, float] | None:
    """Implied volatility at entry and exit; one stands in for the other where only one exists."""
    begin = implied_vol(leg.kind, float(leg.sold), first, leg.strike, years_between(leg.sold_at, leg.settles_at))
    end = implied_vol(leg.kind, float(leg.bought), last, leg.strike, years_between(leg.bought_at, leg.settles_at))
    if begin is None:
        return None if end is None else (end, end)
    return begin, begin if end is None else end


def _step(
    leg: ShortLeg, vols: tuple[float, float], before: tuple[datetime, float], after: tuple[datetime, float]
) -> tuple[float, float, float, float]:
    vol, next_vol = _vol_at(leg, vols, before[0]), _vol_at(leg, vols, after[0])
    here: Greeks = greeks(leg.kind, before[1], leg.strike, years_between(before[0], leg.settles_at), vol)
    moved = after[1] - before[1]
    days = (after[0] - before[0]).total_seconds() / SECONDS_PER_DAY
    return (
        here.delta * moved,
        here.gamma * moved * moved / 2.0,
        here.theta * days,
        here.vega * (next_vol - vol) * PERCENT_POINTS,
    )


def _vol_at(leg: ShortLeg, vols: tuple[float, float], at: datetime) -> float:
    whole = (leg.bought_at - leg.sold_at).total_seconds()
    share = (at - leg.sold_at).total_seconds() / whole if whole > 0 else 1.0
    return vols[0] + (vols[1] - vols[0]) * min(max(share, 0.0), 1.0)
