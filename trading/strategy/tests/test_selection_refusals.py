"""Each refusal names its gate, the nearest miss, and the threshold."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from trading.strategy.gates import Refusal
from trading.strategy.selection import Selection, select
from trading.strategy.tests.samples import CALL, NOW, PUT, TOMORROW, chain, full_chain, params, row
from trading.strategy.types import Chain, ChainRow, ExpiryRule, StrikeMode

D = Decimal


def pair(**call_quote: Any) -> Chain:
    """A chain of one good call, its quote changed, and one good put."""
    good: dict[str, Any] = {"delta": 0.12, "bid": D(100), "ask": D(102)}
    put: dict[str, Any] = {"delta": -0.12, "bid": D(100), "ask": D(102)}
    return chain(row(CALL, 81_000, **{**good, **call_quote}), row(PUT, 78_000, **put))


def relisted(found: Chain, **changes: Any) -> Chain:
    """The chain with its call's listing changed."""
    call, put = found.rows
    return replace(found, rows=(ChainRow(replace(call.instrument, **changes), call.quote), put))


def only(selection: Selection) -> Refusal:
    """The single refusal of a selection that failed."""
    assert not selection.ok
    (refusal,) = selection.refusals
    assert selection.summary == refusal.message
    return refusal


def test_the_pair_used_here_passes() -> None:
    assert select(params(), pair(), NOW).ok


def test_an_empty_chain_says_what_was_skipped() -> None:
    assert "no option of BTC is listed" in only(select(params(), chain(), NOW)).message
    skipped = replace(chain(), skipped=("MV-BTC-1: unknown contract type move_options",))
    refusal = only(select(params(), skipped, NOW))
    assert refusal.gate == "no_chain"
    assert "1 listings were unusable, for example MV-BTC-1: unknown contract type move_options" in refusal.message


@pytest.mark.parametrize("spot", [None, D(0), D("NaN")])
def test_without_an_index_price_nothing_is_chosen(spot: Decimal | None) -> None:
    assert only(select(params(), replace(pair(), spot=spot), NOW)).gate == "no_spot"


def test_a_foreign_chain_is_named() -> None:
    refusal = only(select(params(underlying="ETH"), pair(), NOW))
    assert (refusal.gate, refusal.message) == ("underlying", "The chain is of BTC, expected ETH.")


def test_an_expiry_with_one_side_names_the_missing_one() -> None:
    calls = chain(*(r for r in full_chain().rows if r.instrument.option_type is CALL))
    refusal = only(select(params(), calls, NOW))
    assert (refusal.gate, refusal.leg) == ("one_sided", PUT)
    assert "lists no put" in refusal.message


@pytest.mark.parametrize(
    ("found", "gate", "value", "threshold"),
    [
        (pair(delta=None), "no_greeks", None, None),
        (pair(delta=float("nan")), "no_greeks", None, None),
        (pair(bid=None), "empty_side", None, None),
        (pair(ask=None), "empty_side", None, None),
        (pair(bid=D(0)), "empty_side", None, None),
        (pair(bid=D(103)), "crossed", D(103), D(102)),
        (pair(at=NOW - timedelta(seconds=60)), "stale_quote", D("60.000"), D(60)),
        (pair(band_high=D(90)), "venue_band", D(100), D(90)),
        (pair(band_low=D(110)), "venue_band", D(100), D(110)),
        (relisted(pair(), trading_status="disrupted_post_only"), "trading_status", None, None),
        (relisted(pair(), contract_value=D("0.01")), "contract_size", D("0.01"), D("0.001")),
        (relisted(pair(), strike=D(79_500)), "in_the_money", D(79_500), D(79_500)),
        (pair(delta=0.087), "delta_band", D("0.087"), D("0.10")),
        (pair(delta=0.16), "delta_band", D("0.16"), D("0.15")),
    ],
)
def test_each_gate_refuses_by_its_name(
    found: Chain, gate: str, value: Decimal | None, threshold: Decimal | None
) -> None:
    selection = select(params(), found, NOW)
    refusal = only(selection)
    assert (refusal.gate, refusal.leg, refusal.value, refusal.threshold) == (gate, CALL, value, threshold)
    assert refusal.symbol == found.rows[0].instrument.symbol
    assert refusal.symbol in refusal.message
    assert selection.refused_by == {gate: 1}


@pytest.mark.parametrize(
    ("gates", "found", "gate", "value"),
    [
        ({"max_spread_pct": D(10)}, pair(ask=D(150)), "spread", D(40)),
        ({"min_open_interest": 50}, pair(open_interest=49), "open_interest", D(49)),
        ({"min_open_interest": 50}, pair(open_interest=None), "open_interest", None),
        ({"min_depth": 10}, pair(bid_size=9), "depth", D(9)),
        ({"min_depth": 10}, pair(ask_size=8), "depth", D(8)),
        ({"min_iv_pct": D(35)}, pair(iv=0.349), "iv", D("34.9")),
        ({"min_iv_pct": D(35)}, pair(iv=None), "iv", None),
    ],
)
def test_each_optional_gate_refuses_only_when_it_is_set(
    gates: dict[str, Any], found: Chain, gate: str, value: Decimal | None
) -> None:
    assert select(params(), found, NOW).ok
    refusal = only(select(params(**gates), found, NOW))
    assert (refusal.gate, refusal.value) == (gate, value)
    assert refusal.threshold == next(iter(gates.values()))


@pytest.mark.parametrize(
    ("gates", "found"),
    [
        ({"max_spread_pct": D(40)}, pair(ask=D(150))),
        ({"min_open_interest": 50}, pair(open_interest=50)),
        ({"min_depth": 10}, pair(bid_size=10, ask_size=10)),
        ({"min_iv_pct": D(35)}, pair(iv=0.35)),
        ({}, pair(at=NOW - timedelta(seconds=59))),
        ({}, pair(bid=D(102))),
    ],
)
def test_a_value_at_its_threshold_passes(gates: dict[str, Any], found: Chain) -> None:
    assert select(params(**gates), found, NOW).ok


def test_the_nearest_miss_of_a_side_is_told() -> None:
    found = chain(
        row(CALL, 81_000, delta=0.2), row(CALL, 82_000, delta=0.087), row(CALL, 83_000, delta=0.05), *pair().rows[1:]
    )
    refusal = only(select(params(), found, NOW))
    assert refusal.message.startswith("3 calls refused by delta_band; nearest: No call has |Δ| from 0.1 to 0.15;")
    assert "nearest 0.087 at C-BTC-82000-050926" in refusal.message


def test_the_minimum_credit_tells_what_the_best_pair_would_bring() -> None:
    selection = select(params(min_credit=D(3)), pair(), NOW)
    refusal = only(selection)
    assert (refusal.gate, refusal.threshold) == ("min_credit", D(3))
    assert refusal.value == D("2.00") - D("0.04") - D("0.035") * D("1.18") * D("4.04")
    assert (selection.call, selection.put, selection.credit) == (None, None, None)


def test_an_expiry_that_is_not_listed_names_the_nearest() -> None:
    fixed = params(expiry_rule=ExpiryRule.FIXED, expiry_date=date(2026, 9, 8))
    assert "the nearest is 2026-09-05" in only(select(fixed, pair(), NOW)).message


def test_a_fixed_rule_without_a_date_says_so() -> None:
    assert only(select(params(expiry_rule=ExpiryRule.FIXED), pair(), NOW)).message == "A fixed expiry needs a date."


def test_an_expired_series_is_never_chosen() -> None:
    fixed = params(expiry_rule=ExpiryRule.FIXED, expiry_date=TOMORROW)
    settled = pair().rows[0].instrument.settlement_at
    assert only(select(fixed, pair(), settled)).message == "Expiry 2026-09-05 has settled."
    refusal = only(select(fixed, pair(), settled - timedelta(minutes=44)))
    assert (refusal.gate, refusal.value, refusal.threshold) == ("expiry", D("9.0"), D(10))


def test_an_expiry_not_far_enough_tells_the_latest_listed() -> None:
    refusal = only(select(params(days_to_expiry=3), pair(), NOW))
    assert (refusal.gate, refusal.value, refusal.threshold) == ("expiry", D(1), D(3))
    assert "the latest is 2026-09-05" in refusal.message


@pytest.mark.parametrize("bounds", [(None, D(5)), (D(5), None), (D(6), D(5))])
def test_a_premium_band_that_is_none_is_refused(bounds: tuple[Decimal | None, Decimal | None]) -> None:
    low, high = bounds
    banded = params(
        strike_selection_mode=StrikeMode.PRICE,
        call_option_price_min=low,
        call_option_price_max=high,
        put_option_price_min=D(1),
        put_option_price_max=D(500),
    )
    assert only(select(banded, pair(), NOW)).gate == "premium_band"


def test_a_mid_out_of_its_band_is_never_taken() -> None:
    banded = params(
        strike_selection_mode=StrikeMode.PRICE,
        call_option_price_min=D(110),
        call_option_price_max=D(200),
        put_option_price_min=D(1),
        put_option_price_max=D(500),
    )
    refusal = only(select(banded, pair(), NOW))
    assert (refusal.gate, refusal.value, refusal.threshold) == ("premium_band", D(101), D(110))
    assert only(select(banded, pair(bid=None), NOW)).gate == "empty_side"


def test_the_expected_move_needs_a_multiple_and_a_volatility() -> None:
    moved = params(strike_selection_mode=StrikeMode.EXPECTED_MOVE)
    assert {refusal.message for refusal in select(moved, pair(), NOW).refusals} == {
        "Strikes by expected move need a multiple."
    }
    call, put = pair().rows
    blind = chain(*(ChainRow(r.instrument, replace(r.quote, iv=None)) for r in (call, put)))
    selection = select(replace(moved, expected_move_multiple=D(1)), blind, NOW)
    assert {refusal.gate for refusal in selection.refusals} == {"expected_move"}
    assert "no option near the money" in selection.summary.lower()
