"""Which pair is picked, by each strike mode and expiry rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy.gates import EARLY_GATES, LATE_GATES, Look, first_refusal
from trading.strategy.pricing import expected_move, years_between
from trading.strategy.selection import Selection, select
from trading.strategy.tests.samples import (
    CALL,
    NOW,
    PUT,
    SPOT,
    TOMORROW,
    chain,
    edit,
    full_chain,
    params,
    row,
)
from trading.strategy.types import Chain, ChainRow, ExpiryRule, OptionType, StrategyParams, StrikeMode

DAY_AFTER = date(2026, 9, 6)
D = Decimal


def picked(selection: Selection) -> tuple[ChainRow, ChainRow]:
    """The pair, which has to be there."""
    assert selection.call is not None, selection.refusals
    assert selection.put is not None, selection.refusals
    return selection.call, selection.put


def strikes(selection: Selection) -> tuple[int, int]:
    """Strikes of the pair."""
    call, put = picked(selection)
    return int(call.instrument.strike), int(put.instrument.strike)


def deltas(found: Chain, kind: OptionType, low: float, high: float) -> list[float]:
    """|Δ| of one side inside a band."""
    values = (abs(r.quote.delta or 0.0) for r in found.rows if r.instrument.option_type is kind)
    return [value for value in values if low <= value <= high]


def around(kind: OptionType, strike: int, middle: int) -> ChainRow:
    """An option quoted one dollar either side of a mid."""
    return row(kind, strike, bid=D(middle - 1), ask=D(middle + 1))


def test_it_takes_the_largest_delta_in_the_band() -> None:
    found = full_chain()
    selection = select(params(delta_range_low=D("0.10"), delta_range_high=D("0.30")), found, NOW)
    for chosen, kind in zip(picked(selection), (CALL, PUT), strict=True):
        assert abs(chosen.quote.delta or 0.0) == max(deltas(found, kind, 0.10, 0.30))
        assert chosen.instrument.option_type is kind


def test_equal_deltas_are_told_apart_by_symbol() -> None:
    found = chain(
        row(CALL, 82_000, delta=0.12),
        row(CALL, 81_000, delta=0.12),
        row(PUT, 77_000, delta=-0.12),
        row(PUT, 78_000, delta=-0.12),
    )
    assert strikes(select(params(), found, NOW)) == (81_000, 77_000)


def test_the_band_includes_its_bounds() -> None:
    found = chain(row(CALL, 81_000, delta=0.15), row(PUT, 78_000, delta=-0.10))
    assert select(params(), found, NOW).ok


def test_a_refused_candidate_makes_room_for_the_next_best() -> None:
    found = full_chain()
    chosen = params(delta_range_low=D("0.05"), delta_range_high=D("0.30"), max_spread_pct=D(20))
    first = picked(select(chosen, found, NOW))[0].instrument
    worse = edit(found, first.symbol, ask=D(5000))
    second = select(chosen, worse, NOW)
    assert strikes(second)[0] == int(first.strike) + 500
    assert second.refused_by["spread"] >= 1
    assert any(refusal.gate == "spread" and refusal.symbol == first.symbol for refusal in second.refusals)
    assert "refused by spread" in second.summary


def test_a_premium_band_takes_the_mid_nearest_its_centre() -> None:
    found = chain(
        *(
            row(CALL, strike, bid=D(mid - 1), ask=D(mid + 1))
            for strike, mid in ((81_000, 140), (82_000, 90), (83_000, 51))
        ),
        *(
            row(PUT, strike, bid=D(mid - 1), ask=D(mid + 1))
            for strike, mid in ((78_000, 151), (77_000, 110), (76_000, 60))
        ),
    )
    banded = params(
        strike_selection_mode=StrikeMode.PRICE,
        call_option_price_min=D(50),
        call_option_price_max=D(150),
        put_option_price_min=D(50),
        put_option_price_max=D(150),
    )
    assert strikes(select(banded, found, NOW)) == (82_000, 77_000)


@pytest.mark.parametrize("multiple", ["0.5", "1", "1.5"])
def test_expected_move_takes_the_nearest_strikes_at_or_beyond_it(multiple: str) -> None:
    moved = params(strike_selection_mode=StrikeMode.EXPECTED_MOVE, expected_move_multiple=D(multiple))
    found = full_chain()
    distance = float(multiple) * expected_move(
        float(SPOT), 0.4, years_between(NOW, found.rows[0].instrument.settlement_at)
    )
    call, put = strikes(select(moved, found, NOW))
    assert call - 500 < float(SPOT) + distance <= call
    assert put <= float(SPOT) - distance < put + 500


def test_days_to_expiry_takes_the_first_listed_expiry_far_enough() -> None:
    both = chain(*full_chain(TOMORROW).rows, *full_chain(date(2026, 9, 11)).rows)
    for days, expiry in ((0, TOMORROW), (1, TOMORROW), (2, date(2026, 9, 11)), (7, date(2026, 9, 11))):
        wide = params(days_to_expiry=days, delta_range_high=D("0.4"))
        selection = select(wide, both, NOW)
        assert selection.expiry == expiry
        assert {r.instrument.settlement_at.date() for r in picked(selection)} == {expiry}


def test_days_to_expiry_passes_over_an_expiry_with_one_side_only() -> None:
    calls_only = (r for r in full_chain(TOMORROW).rows if r.instrument.option_type is CALL)
    found = chain(*calls_only, *full_chain(DAY_AFTER).rows)
    assert select(params(delta_range_high=D("0.4")), found, NOW).expiry == DAY_AFTER


def test_same_day_expiry_is_passed_over_once_its_guard_is_near() -> None:
    found = chain(*full_chain(TOMORROW).rows, *full_chain(DAY_AFTER).rows)
    near = found.rows[0].instrument.settlement_at - timedelta(minutes=35 + 9)
    stale_proof = params(
        days_to_expiry=0, stale_quote_seconds=10**6, delta_range_low=D("0.01"), delta_range_high=D("0.5")
    )
    assert select(stale_proof, found, near).expiry == DAY_AFTER
    assert select(stale_proof, found, near - timedelta(minutes=1)).expiry == TOMORROW


def test_a_fixed_date_is_obeyed() -> None:
    both = chain(*full_chain(TOMORROW).rows, *full_chain(DAY_AFTER).rows)
    fixed = params(expiry_rule=ExpiryRule.FIXED, expiry_date=DAY_AFTER, delta_range_high=D("0.4"))
    assert select(fixed, both, NOW).expiry == DAY_AFTER


def test_credit_is_the_bids_and_net_credit_what_is_left() -> None:
    found = chain(
        row(CALL, 81_000, delta=0.12, bid=D(100), ask=D(104)), row(PUT, 78_000, delta=-0.12, bid=D(90), ask=D(92))
    )
    selection = select(params(), found, NOW)
    assert selection.credit == D("1.90")
    cap = D("0.035") * D("1.18")
    assert selection.net_credit == D("1.90") - D("0.06") - cap * (D(100) + 104 + 90 + 92) * D("0.01")


def test_the_minimum_credit_moves_on_to_a_pair_that_brings_it() -> None:
    """The premium band prefers its centre, but only a dearer put brings the credit."""
    found = chain(
        around(CALL, 81_000, 100),
        around(PUT, 77_000, 100),
        around(PUT, 78_000, 140),
    )
    banded = params(
        strike_selection_mode=StrikeMode.PRICE,
        call_option_price_min=D(50),
        call_option_price_max=D(150),
        put_option_price_min=D(50),
        put_option_price_max=D(150),
    )
    assert strikes(select(banded, found, NOW)) == (81_000, 77_000)
    assert strikes(select(replace(banded, min_credit=D(2)), found, NOW)) == (81_000, 78_000)


def test_the_summary_names_the_pair_and_the_number_of_strikes() -> None:
    found = full_chain()
    selection = select(params(delta_range_high=D("0.3")), found, NOW)
    call, put = picked(selection)
    assert selection.considered == len(found.rows)
    expected = f"Picked {call.instrument.symbol} and {put.instrument.symbol} of {len(found.rows)} strikes"
    assert selection.summary == expected


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Sometimes missing."""
    return st.none() | values


PRICES = st.decimals(D("0.1"), 600, places=1)


STRIKES = range(77_000, 82_500, 500)
FAULTS: dict[str, st.SearchStrategy[Any]] = {
    "at": st.sampled_from([NOW - timedelta(seconds=60), NOW - timedelta(days=1), NOW + timedelta(seconds=5)]),
    "bid": maybe(PRICES),
    "ask": maybe(PRICES),
    "bid_size": st.integers(0, 100),
    "ask_size": st.integers(0, 100),
    "delta": maybe(st.floats(-1, 1) | st.just(float("nan"))),
    "iv": maybe(st.floats(0, 1)),
    "open_interest": maybe(st.integers(0, 100)),
    "band_low": PRICES,
    "band_high": PRICES,
}
LISTING_FAULTS: dict[str, st.SearchStrategy[Any]] = {
    "trading_status": st.just("disrupted_post_only"),
    "contract_value": st.just(D("0.01")),
    "underlying": st.just("ETH"),
}


GRID = tuple(row(kind, strike, day) for day in (TOMORROW, DAY_AFTER) for strike in STRIKES for kind in OptionType)


@st.composite
def messy_rows(draw: st.DrawFn) -> list[ChainRow]:
    """A chain of which any rows are missing or faulty."""
    rows = list(GRID)
    for spot in draw(st.lists(st.integers(0, len(GRID) - 1), max_size=30)):
        fault = draw(st.sampled_from([*FAULTS, *LISTING_FAULTS]))
        broken = rows[spot]
        if fault in FAULTS:
            rows[spot] = replace(broken, quote=replace(broken.quote, **{fault: draw(FAULTS[fault])}))
        else:
            rows[spot] = replace(broken, instrument=replace(broken.instrument, **{fault: draw(LISTING_FAULTS[fault])}))
    return rows[draw(st.integers(0, 20)) : len(rows) - draw(st.integers(0, 20))]


@st.composite
def any_params(draw: st.DrawFn) -> StrategyParams:
    """Parameters with any mode and any gates."""
    return params(
        strike_selection_mode=draw(st.sampled_from(list(StrikeMode))),
        delta_range_low=D("0.05"),
        delta_range_high=draw(st.sampled_from([D("0.15"), D("0.45")])),
        call_option_price_min=draw(st.sampled_from([D(20)] * 5 + [None])),
        call_option_price_max=D(500),
        put_option_price_min=D(20),
        put_option_price_max=draw(st.sampled_from([D(500)] * 5 + [D(10)])),
        expected_move_multiple=draw(st.sampled_from([D("0.2"), D(1), D(1), None])),
        days_to_expiry=draw(st.sampled_from([0, 1, 1, 2, 2, 3])),
        max_spread_pct=draw(maybe(st.just(D(10)))),
        min_open_interest=draw(maybe(st.just(30))),
        min_depth=draw(maybe(st.just(20))),
        min_iv_pct=draw(maybe(st.just(D(30)))),
        min_credit=draw(maybe(st.sampled_from([D(0), D(3)]))),
    )


@given(any_params(), messy_rows(), st.sampled_from([SPOT, SPOT, SPOT, D(0), None]))
def test_whatever_is_picked_passes_every_gate_and_nothing_fails(
    chosen: StrategyParams, rows: list[ChainRow], spot: Decimal | None
) -> None:
    selection = select(chosen, chain(*rows, spot=spot), NOW)
    if not selection.ok:
        assert selection.refusals
        assert selection.summary
        return
    assert spot is not None
    call, put = picked(selection)
    look = Look(chosen, spot, NOW)
    for one in (call, put):
        assert first_refusal((*EARLY_GATES, *LATE_GATES), look, one) is None
        assert in_band(chosen, one)
    assert put.instrument.strike < spot < call.instrument.strike
    assert call.instrument.settlement_at == put.instrument.settlement_at > NOW
    assert chosen.min_credit is None or (selection.net_credit or D(0)) >= chosen.min_credit


def in_band(chosen: StrategyParams, one: ChainRow) -> bool:
    """Inside the band of delta or premium; the expected move is checked by its own test."""
    quote = one.quote
    if chosen.strike_selection_mode is StrikeMode.DELTA:
        return float(chosen.delta_range_low) <= abs(quote.delta or 0.0) <= float(chosen.delta_range_high)
    if chosen.strike_selection_mode is StrikeMode.PRICE:
        return D(20) <= ((quote.bid or D(0)) + (quote.ask or D(0))) / 2 <= D(500)
    return True


@given(any_params(), messy_rows(), st.randoms(use_true_random=False))
def test_the_order_of_the_chain_does_not_matter(chosen: StrategyParams, rows: list[ChainRow], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    one, other = (select(chosen, chain(*some), NOW) for some in (rows, shuffled))
    assert (one.call, one.put, one.expiry) == (other.call, other.put, other.expiry)


@given(st.floats(0.10, 0.14), st.floats(0.15, 0.45), st.floats(0.0, 0.05))
def test_a_wider_band_never_picks_a_smaller_delta(low: float, high: float, more: float) -> None:
    found = full_chain()
    narrow, wide = (
        select(params(delta_range_low=D(f"{low:.4f}"), delta_range_high=D(f"{top:.4f}")), found, NOW)
        for top in (high, high + more)
    )
    if narrow.ok:
        for before, after in zip(picked(narrow), picked(wide), strict=True):
            assert abs(after.quote.delta or 0.0) >= abs(before.quote.delta or 0.0)
