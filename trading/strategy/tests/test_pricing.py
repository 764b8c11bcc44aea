"""Black–Scholes against an independent pricer, its own identities and its edges."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from vollib.black_scholes import black_scholes  # type: ignore[import-untyped]
from vollib.black_scholes.greeks import analytical  # type: ignore[import-untyped]

from trading.strategy.pricing import Greeks, expected_move, greeks, implied_vol, intrinsic, price, years_between
from trading.strategy.tests.samples import CALL, PUT
from trading.strategy.types import OptionType

KINDS = st.sampled_from(list(OptionType))
SPOTS = st.floats(100, 200_000)
MONEYNESS = st.floats(0.5, 2.0)
YEARS = st.floats(1 / 365 / 24, 1.0)
IVS = st.floats(0.05, 3.0)


def agrees(ours: float, theirs: float, scale: float = 1.0) -> bool:
    """Equal to 1e-8, of the larger of the figure and its natural unit."""
    return abs(ours - theirs) <= 1e-8 * max(scale, abs(theirs))


@given(KINDS, SPOTS, MONEYNESS, YEARS, IVS)
def test_it_agrees_with_the_reference_pricer(
    kind: OptionType, spot: float, ratio: float, years: float, iv: float
) -> None:
    strike, flag = spot * ratio, kind.value[0]
    ours = greeks(kind, spot, strike, years, iv)
    inputs = (flag, spot, strike, years, 0.0, iv)
    assert agrees(ours.price, black_scholes(*inputs))
    assert agrees(ours.delta, analytical.delta(*inputs))
    assert agrees(ours.gamma * spot, analytical.gamma(*inputs) * spot)
    assert agrees(ours.theta, analytical.theta(*inputs))
    assert agrees(ours.vega, analytical.vega(*inputs))


@given(KINDS, SPOTS, MONEYNESS, YEARS, IVS)
def test_price_and_greeks_give_the_same_price(
    kind: OptionType, spot: float, ratio: float, years: float, iv: float
) -> None:
    assert price(kind, spot, spot * ratio, years, iv) == greeks(kind, spot, spot * ratio, years, iv).price


@given(SPOTS, MONEYNESS, YEARS, IVS)
def test_a_call_less_a_put_is_the_forward(spot: float, ratio: float, years: float, iv: float) -> None:
    strike = spot * ratio
    difference = price(CALL, spot, strike, years, iv) - price(PUT, spot, strike, years, iv)
    assert difference == pytest.approx(spot - strike, abs=1e-9 * spot)


@given(KINDS, SPOTS, MONEYNESS, YEARS, IVS)
def test_the_greeks_are_the_slopes_of_the_price(
    kind: OptionType, spot: float, ratio: float, years: float, iv: float
) -> None:
    strike, deviation = spot * ratio, iv * math.sqrt(years)
    assume(abs(math.log(ratio)) < 3 * deviation and deviation > 0.01)
    step = spot * deviation * 1e-3
    known = greeks(kind, spot, strike, years, iv)
    up, down = (greeks(kind, spot + move, strike, years, iv) for move in (step, -step))
    assert (up.price - down.price) / (2 * step) == pytest.approx(known.delta, rel=1e-4, abs=1e-5)
    assert (up.delta - down.delta) / (2 * step) == pytest.approx(known.gamma, rel=1e-4, abs=1e-5 / spot)
    more, less = (price(kind, spot, strike, years, iv + change) for change in (1e-4, -1e-4))
    assert (more - less) / 2e-4 / 100 == pytest.approx(known.vega, rel=1e-3, abs=1e-7 * spot)


def test_theta_is_what_one_day_takes_away() -> None:
    before, after = (price(CALL, 80_000, 84_000, days / 365, 0.4) for days in (30.5, 29.5))
    assert greeks(CALL, 80_000, 84_000, 30 / 365, 0.4).theta == pytest.approx(after - before, rel=1e-3)


@given(KINDS, SPOTS, MONEYNESS, YEARS, IVS)
def test_implied_volatility_undoes_the_price(
    kind: OptionType, spot: float, ratio: float, years: float, iv: float
) -> None:
    strike = spot * ratio
    value = price(kind, spot, strike, years, iv)
    assume(value - intrinsic(kind, spot, strike) > 1e-4 * spot)
    found = implied_vol(kind, value, spot, strike, years)
    assert found == pytest.approx(iv, rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 999.9, 1000.0, 80_000.0, 90_000.0])
def test_no_volatility_explains_a_price_outside_the_bounds(value: float) -> None:
    assert implied_vol(CALL, value, 80_000, 79_000, 1 / 365) is None


def test_no_volatility_is_found_after_expiry_or_beyond_the_ceiling() -> None:
    assert implied_vol(CALL, 500, 80_000, 81_000, 0.0) is None
    assert implied_vol(CALL, 79_999.99, 80_000, 81_000, 1e-6) is None


@pytest.mark.parametrize(("years", "iv"), [(0.0, 0.4), (-1.0, 0.4), (0.1, 0.0), (0.1, -0.4), (0.1, 1e-300)])
def test_without_time_or_volatility_it_is_worth_its_intrinsic_value(years: float, iv: float) -> None:
    assert greeks(CALL, 80_000, 79_000, years, iv) == Greeks(1000.0, 1.0, 0.0, 0.0, 0.0)
    assert greeks(PUT, 80_000, 79_000, years, iv) == Greeks(0.0, 0.0, 0.0, 0.0, 0.0)
    assert greeks(PUT, 78_000, 79_000, years, iv) == Greeks(1000.0, -1.0, 0.0, 0.0, 0.0)
    assert greeks(CALL, 79_000, 79_000, years, iv).delta == 0.5
    assert price(PUT, 78_000, 79_000, years, iv) == 1000.0


@given(KINDS, st.floats(0, 1e6), st.floats(0, 1e6), st.floats(-1, 5), st.floats(-1, 10))
def test_no_input_makes_it_fail_or_leave_its_bounds(
    kind: OptionType, spot: float, strike: float, years: float, iv: float
) -> None:
    known = greeks(kind, spot, strike, years, iv)
    ceiling = spot if kind is CALL else strike
    assert intrinsic(kind, spot, strike) - 1e-6 <= known.price <= ceiling + 1e-6
    assert -1.0 <= known.delta <= 1.0
    assert known.gamma >= 0
    assert known.vega >= 0
    assert known.theta <= 0


def test_years_count_calendar_days_and_end_at_settlement() -> None:
    settlement = datetime(2026, 9, 5, 12, tzinfo=UTC)
    assert years_between(settlement - timedelta(days=73), settlement) == pytest.approx(0.2)
    assert years_between(settlement + timedelta(seconds=1), settlement) == 0.0


def test_the_expected_move_is_one_deviation() -> None:
    assert expected_move(80_000, 0.365, 1 / 365) == pytest.approx(80_000 * 0.365 / math.sqrt(365))
    assert expected_move(80_000, 0.4, 0.0) == 0.0
    assert expected_move(80_000, -0.4, 0.1) == 0.0
