"""What made the P&L: the parts always sum to the whole, and say what the market did where the market is known."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.stats import cents, to_the_cent
from trading.selectors.analytics_attribution import Attribution, ShortLeg, attribute
from trading.strategy.pricing import price, years_between
from trading.strategy.types import OptionType

NOON = datetime(2026, 9, 4, 4, 0, tzinfo=UTC)
SETTLES = datetime(2026, 9, 5, 12, 0, tzinfo=UTC)
UNITS = Decimal("0.1")
FEES = Decimal("0.27154")
NAMES = ("delta", "gamma", "theta", "vega", "residual", "slippage", "fees")


def path_of(spots: list[float], hours: float) -> list[tuple[datetime, float]]:
    """The index, evenly over so many hours from noon."""
    step = timedelta(hours=hours) / max(1, len(spots) - 1)
    return [(NOON + step * place, spot) for place, spot in enumerate(spots)]


def leg_on(path: list[tuple[datetime, float]], strike: float, vols: tuple[float, float], kind: OptionType) -> ShortLeg:
    """A leg sold and bought at the model's prices at both ends of a path, without slippage."""
    (begun, first), (ended, last) = path[0], path[-1]
    sold = Decimal(str(round(price(kind, first, strike, years_between(begun, SETTLES), vols[0]), 4)))
    bought = Decimal(str(round(price(kind, last, strike, years_between(ended, SETTLES), vols[1]), 4)))
    gross = (sold - bought) * UNITS
    return ShortLeg(kind, strike, SETTLES, UNITS, begun, sold, ended, bought, gross, Decimal(0), FEES)


amounts = st.decimals(min_value=-100_000, max_value=100_000, places=8)


@given(
    spots=st.lists(st.floats(1.0, 500_000.0), min_size=0, max_size=12),
    strike=st.floats(1.0, 500_000.0),
    sold=st.decimals(min_value=0, max_value=600_000, places=4),
    bought=st.decimals(min_value=0, max_value=600_000, places=4),
    hours=st.floats(0.0, 60.0),
    gross=amounts,
    slippage=amounts,
    kind=st.sampled_from(OptionType),
)
def test_the_parts_of_any_leg_sum_to_its_result_exactly(
    spots: list[float],
    strike: float,
    sold: Decimal,
    bought: Decimal,
    hours: float,
    gross: Decimal,
    slippage: Decimal,
    kind: OptionType,
) -> None:
    path = path_of(spots, hours)
    ended = NOON + timedelta(hours=hours)
    leg = ShortLeg(kind, strike, SETTLES, UNITS, NOON, sold, ended, bought, gross, slippage, FEES)
    parts = attribute(leg, path)
    assert parts.total == gross - FEES
    assert (parts.slippage, parts.fees) == (slippage, -FEES)


@given(parts=st.lists(amounts, min_size=7, max_size=7))
def test_rounded_to_cents_the_parts_still_sum_to_the_rounded_result(parts: list[Decimal]) -> None:
    named = dict(zip(NAMES, parts, strict=True))
    total = sum(parts, Decimal(0))
    rounded = to_the_cent(named, total)
    assert sum(rounded.values()) == cents(total)
    assert all(abs(rounded[name] - named[name]) <= Decimal("0.005") for name in NAMES if name != "residual")
    assert abs(rounded["residual"] - named["residual"]) <= Decimal("0.04")


@pytest.mark.parametrize("kind", list(OptionType))
def test_a_still_market_pays_theta_and_nothing_else(kind: OptionType) -> None:
    parts = attribute(leg_on(path_of([79_000.0] * 50, 6), 79_500.0, (0.45, 0.45), kind), path_of([79_000.0] * 50, 6))
    assert parts.theta > 0
    assert (abs(parts.delta), abs(parts.gamma)) == (0, 0)
    assert abs(parts.vega) < parts.theta / 1000
    assert abs(parts.residual) < parts.theta / 20


def test_a_rise_costs_a_short_call_delta_and_gamma_and_earns_the_short_put_delta() -> None:
    path = path_of([79_000.0 + 20 * place for place in range(50)], 1)
    call = attribute(leg_on(path, 80_500.0, (0.45, 0.45), OptionType.CALL), path)
    put = attribute(leg_on(path, 77_500.0, (0.45, 0.45), OptionType.PUT), path)
    assert call.delta < 0 < put.delta
    assert call.gamma < 0
    assert put.gamma < 0
    assert abs(call.residual) < abs(call.delta) / 20


def test_a_volatility_that_falls_earns_vega() -> None:
    path = path_of([79_000.0] * 50, 1)
    parts = attribute(leg_on(path, 80_000.0, (0.60, 0.40), OptionType.CALL), path)
    assert parts.vega > abs(parts.theta)
    assert abs(parts.residual) < parts.vega / 20


def test_without_a_path_the_market_is_residual() -> None:
    leg = leg_on(path_of([79_000.0, 79_500.0], 1), 80_000.0, (0.5, 0.5), OptionType.CALL)
    parts = attribute(leg, [])
    assert parts == Attribution(residual=leg.gross, fees=-FEES)


def test_a_finer_path_leaves_a_smaller_residual() -> None:
    wave = [79_000.0 + 900 * math.sin(place / 60) for place in range(181)]
    leg = leg_on(path_of(wave, 5), 80_000.0, (0.5, 0.48), OptionType.CALL)
    fine, coarse = attribute(leg, path_of(wave, 5)), attribute(leg, path_of(wave, 5)[::90])
    assert abs(fine.residual) < abs(coarse.residual) / 10
