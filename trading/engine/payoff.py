"""What the strangle is worth: the payoff at expiry and now over a range of spots, break-evens, greeks in dollars and
shocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.strategy.pricing import price, years_between
from trading.strategy.state import LegState, SessionState

POINTS = 61
HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class _Short:
    """One short leg in floats: dollars per unit, units of underlying."""

    leg: LegState
    strike: float
    entry: float
    units: float
    years: float
    iv: float

    def profit(self, spot: float, years: float) -> float:
        """Dollars made if the leg were bought back at its model price at ``spot``."""
        return (self.entry - price(self.leg.option_type, spot, self.strike, years, self.iv)) * self.units


def payoff_view(state: SessionState, at: datetime) -> dict[str, object] | None:
    """Spots, dollars at expiry, dollars now, and the break-evens at expiry

    None while nothing is held. Model: Black–Scholes at today's IVs.
    """
    legs = _shorts(state, at)
    if not legs or state.spot is None:
        return None
    low, high = _range(state, legs)
    spots = [low + (high - low) * i / (POINTS - 1) for i in range(POINTS)]
    at_expiry = [_sum(legs, spot, expiry=True) for spot in spots]
    return {
        "spots": [round(s, 2) for s in spots],
        "expiry": [round(v, 4) for v in at_expiry],
        "now": [round(_sum(legs, spot, expiry=False), 4) for spot in spots],
        "breakevens": _breakevens(spots, at_expiry),
    }


def greeks_view(state: SessionState, at: datetime, shock_pct: float = 5.0) -> dict[str, object]:
    """Theta per hour, dollar gamma for 1 % of spot, and what a move of ±shock_pct would change, all in dollars for the
    open position.
    """
    legs = _shorts(state, at)
    if not legs or state.spot is None:
        return {
            "theta_per_hour": None,
            "dollar_gamma": None,
            "shock_up": None,
            "shock_down": None,
            "shock_pct": shock_pct,
        }
    spot = float(state.spot)
    here = _sum(legs, spot, expiry=False)
    theta = sum(-(s.leg.quote.theta or 0.0) * s.units for s in legs if s.leg.quote)
    gamma = sum(-(s.leg.quote.gamma or 0.0) * s.units for s in legs if s.leg.quote)
    move = spot * shock_pct / 100
    return {
        "theta_per_hour": round(theta / HOURS_PER_DAY, 4),
        "dollar_gamma": round(gamma * (spot * 0.01) ** 2 / 2, 4),
        "shock_up": round(_sum(legs, spot + move, expiry=False) - here, 4),
        "shock_down": round(_sum(legs, spot - move, expiry=False) - here, 4),
        "shock_pct": shock_pct,
    }


def _shorts(state: SessionState, at: datetime) -> list[_Short]:
    shorts = []
    for leg in state.legs:
        quote = leg.quote
        if leg.held > 0 and leg.entry_price is not None and quote is not None and quote.iv:
            units = float(leg.held * leg.instrument.contract_value)
            years = years_between(at, leg.instrument.settlement_at)
            shorts.append(_Short(leg, float(leg.instrument.strike), float(leg.entry_price), units, years, quote.iv))
    return shorts


def _sum(legs: Sequence[_Short], spot: float, *, expiry: bool) -> float:
    return sum(s.profit(spot, 0.0 if expiry else s.years) for s in legs)


def _range(state: SessionState, legs: Sequence[_Short]) -> tuple[float, float]:
    """Wide enough to show both strikes, the credit's width beyond them, and the spot."""
    strikes = [s.strike for s in legs]
    spot = float(state.spot or Decimal(0))
    width = max(max(strikes) - min(strikes), spot * 0.02)
    return min([*strikes, spot]) - width * 0.45, max([*strikes, spot]) + width * 0.45


def _breakevens(spots: Sequence[float], values: Sequence[float]) -> list[float]:
    """Spots where the expiry payoff crosses zero, by straight lines between points (exact for a piecewise linear
    payoff away from the kinks).
    """
    found = []
    for (s0, v0), (s1, v1) in zip(
        zip(spots, values, strict=True), list(zip(spots, values, strict=True))[1:], strict=False
    ):
        if (v0 < 0) != (v1 < 0):
            found.append(round(s0 + (s1 - s0) * (-v0) / (v1 - v0), 1))
    return found
