"""The simulated market as a function of seed and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from trading.strategy.pricing import price, years_between
from trading.strategy.types import Instrument
from trading.venues.simulated.market import Market
from trading.venues.simulated.paths import Regime
from trading.venues.simulated.products import parse_product_id, parse_symbol
from trading.venues.simulated.tests.support import SHARED_MARKET, START

MIDNIGHT = datetime(2026, 9, 5, tzinfo=UTC)


def nearest(market: Market, at: datetime, index: int = 0) -> list[Instrument]:
    """The options of the ``index``-th expiry."""
    instruments = market.instruments(at, "BTC")
    expiry = sorted({item.settlement_at for item in instruments})[index]
    return [item for item in instruments if item.settlement_at == expiry]


def test_the_same_seed_gives_the_same_day_to_the_digit() -> None:
    first, second = Market(42), Market(42)
    for hours in (0, 5, 30):
        at = START + timedelta(hours=hours)
        assert first.spot("BTC", at) == second.spot("BTC", at)
        assert [first.quote(item, at) for item in nearest(first, at)] == [
            second.quote(item, at) for item in nearest(second, at)
        ]


def test_another_seed_gives_another_day() -> None:
    assert not np.array_equal(
        Market(1).spots("BTC", START, START + timedelta(hours=1)),
        Market(2).spots("BTC", START, START + timedelta(hours=1)),
    )
    assert Market(5).spot("BTC", START) != Market(-5).spot("BTC", START)


def test_a_day_read_first_equals_the_same_day_read_after_others() -> None:
    walked, direct = Market(9), Market(9)
    for days in range(9):
        walked.spot("ETH", START + timedelta(days=days))
        walked.instruments(START + timedelta(days=days), "ETH")
    at = START + timedelta(days=8)
    assert walked.spot("ETH", at) == direct.spot("ETH", at)
    assert walked.instruments(at, "ETH") == direct.instruments(at, "ETH")
    assert walked.instruments(START, "ETH") == Market(9).instruments(START, "ETH")


@pytest.mark.parametrize("underlying", ["BTC", "ETH"])
def test_days_join_at_midnight_without_a_gap(underlying: str) -> None:
    for seed in range(6):
        window = Market(seed).spots(underlying, MIDNIGHT - timedelta(seconds=5), MIDNIGHT + timedelta(seconds=5))
        assert np.abs(np.diff(np.log(window))).max() < 0.0015


def test_the_volatility_surface_does_not_jump_at_midnight() -> None:
    for seed in range(6):
        market = Market(seed)
        before = market.volatility_level("BTC", MIDNIGHT - timedelta(seconds=1))
        assert market.volatility_level("BTC", MIDNIGHT) == pytest.approx(before, rel=0.002)


def test_the_index_stays_sane_for_a_year_under_many_seeds() -> None:
    for seed in range(8):
        market = Market(seed)
        rough = [
            market._indices["BTC"].rough(int(START.timestamp()) // 3600 * 3600 + day * 86_400) for day in range(365)
        ]
        spots, levels = np.array(rough).T
        assert 40_000 < spots.min() < spots.max() < 160_000
        assert 0.2 < np.diff(np.log(spots)).std() * np.sqrt(365) < 0.7
        assert 0.55 < levels.min() < levels.max() < 2.6


def test_the_rough_index_is_the_index_at_whole_hours() -> None:
    market = Market(3)
    hour = START.replace(minute=0, second=0)
    for underlying in ("BTC", "ETH"):
        index = market._indices[underlying]
        assert index.rough(int(hour.timestamp()))[0] == pytest.approx(float(market.spot(underlying, hour)), rel=1e-5)


def test_every_regime_occurs_and_crashes_move_the_index() -> None:
    days: dict[Regime, list[float]] = {regime: [] for regime in Regime}
    for seed in range(150):
        market = Market(seed)
        window = market.spots("BTC", MIDNIGHT, MIDNIGHT + timedelta(hours=23, minutes=59))
        days[market.regime(MIDNIGHT)].append(float(window.max() / window.min() - 1.0))
    assert all(days.values())
    assert (
        float(np.mean(days[Regime.CALM])) < float(np.mean(days[Regime.VOLATILE])) < float(np.mean(days[Regime.CRASH]))
    )


def test_the_settlement_price_is_the_mean_of_the_last_thirty_minutes() -> None:
    settlement = datetime(2026, 9, 5, 12, tzinfo=UTC)
    window = SHARED_MARKET.spots("BTC", settlement - timedelta(seconds=1799), settlement)
    assert len(window) == 1800
    assert float(SHARED_MARKET.twap("BTC", settlement)) == pytest.approx(window.mean(), abs=0.051)


def test_three_dailies_three_fridays_and_three_monthlies_are_listed() -> None:
    at = datetime(2026, 9, 4, 17, 41, tzinfo=UTC)
    expiries = sorted({item.settlement_at for item in SHARED_MARKET.instruments(at, "BTC")})
    days = [(expiry.month, expiry.day) for expiry in expiries]
    assert days == [(9, 5), (9, 6), (9, 7), (9, 11), (9, 18), (9, 25), (10, 30), (11, 27)]
    assert {expiry.hour for expiry in expiries} == {12}


def test_a_new_daily_is_listed_when_the_old_one_settles() -> None:
    settlement = datetime(2026, 9, 6, 12, tzinfo=UTC)
    before = {item.settlement_at for item in SHARED_MARKET.instruments(settlement - timedelta(seconds=1), "BTC")}
    after = {item.settlement_at for item in SHARED_MARKET.instruments(settlement, "BTC")}
    assert before - after == {settlement}
    assert after - before == {settlement + timedelta(days=3)}


def test_strikes_of_a_daily_are_two_hundred_apart_near_the_money_and_wider_further_out() -> None:
    spot = float(SHARED_MARKET.spot("BTC", START))
    strikes = sorted({float(item.strike) for item in nearest(SHARED_MARKET, START, 1)})
    gaps = [(high - low, abs(low / spot - 1)) for low, high in pairwise(strikes)]
    assert {gap for gap, distance in gaps if distance < 0.02} == {200.0}
    assert max(gap for gap, _ in gaps) > 200.0
    assert strikes[0] < spot * 0.96 < spot * 1.04 < strikes[-1]


def test_new_strikes_open_in_a_post_only_auction_of_five_minutes() -> None:
    listed = datetime(2026, 9, 6, 12, tzinfo=UTC)
    status = {item.trading_status for item in nearest(SHARED_MARKET, listed + timedelta(seconds=299), 2)}
    assert status == {"disrupted_post_only"}
    status = {item.trading_status for item in nearest(SHARED_MARKET, listed + timedelta(seconds=300), 2)}
    assert status == {"operational"}


def test_strikes_are_added_during_the_day_and_none_disappears() -> None:
    added = 0
    for seed in range(5):
        market = Market(seed)
        early = {item.symbol for item in nearest(market, datetime(2026, 9, 5, 12, 30, tzinfo=UTC))}
        late = {item.symbol for item in nearest(market, datetime(2026, 9, 6, 11, 30, tzinfo=UTC))}
        assert early <= late
        added += len(late - early)
    assert added > 0


def test_product_ids_are_unique_and_lead_back_to_the_symbol() -> None:
    instruments = [item for name in ("BTC", "ETH") for item in SHARED_MARKET.instruments(START, name)]
    assert len({item.product_id for item in instruments}) == len(instruments)
    for item in instruments:
        name = parse_product_id(item.product_id)
        assert name is not None
        assert name == parse_symbol(item.symbol)
        assert name.symbol == item.symbol
        assert SHARED_MARKET.instrument_by_id(item.product_id, START) == item


@pytest.mark.parametrize(
    "symbol", ["", "BTCUSD", "MV-BTC-79800-050926", "C-BTC-79800-310926", "C-XAUT-3000-050926", "C-BTC-x-050926"]
)
def test_foreign_symbols_are_nobody(symbol: str) -> None:
    assert SHARED_MARKET.instrument(symbol, START) is None


@pytest.mark.parametrize("underlying", ["BTC", "ETH"])
def test_every_quote_is_consistent(underlying: str) -> None:
    for item in SHARED_MARKET.instruments(START, underlying):
        quote = SHARED_MARKET.quote(item, START)
        assert quote.ask is not None
        assert quote.mark is not None
        assert quote.iv is not None
        assert quote.ask % item.tick_size == 0
        assert quote.ask_size > 0
        if quote.bid is not None:
            assert 0 < quote.bid < quote.ask
            assert quote.bid % item.tick_size == 0
            assert quote.bid_size > 0
        spot = float(SHARED_MARKET.spot(underlying, START))
        years = years_between(START.replace(microsecond=0), item.settlement_at)
        expected = price(item.option_type, spot, float(item.strike), years, quote.iv)
        assert float(quote.mark) == pytest.approx(expected, abs=0.0001)


def test_the_book_starts_at_the_touch_and_gets_worse_outward() -> None:
    for item in nearest(SHARED_MARKET, START):
        quote, depth = SHARED_MARKET.quote(item, START), SHARED_MARKET.depth(item, START)
        assert (quote.bid, quote.bid_size) == (depth.bids[0] if depth.bids else (None, 0))
        assert (quote.ask, quote.ask_size) == depth.asks[0]
        bids, asks = [level[0] for level in depth.bids], [level[0] for level in depth.asks]
        assert bids == sorted(set(bids), reverse=True)
        assert asks == sorted(set(asks))
        assert all(value > 0 for value in bids)


def test_some_worthless_options_have_no_bid() -> None:
    quotes = [SHARED_MARKET.quote(item, START) for item in SHARED_MARKET.instruments(START, "BTC")]
    empty = [quote for quote in quotes if quote.bid is None]
    assert empty
    assert all((quote.mark or Decimal(0)) < 2 for quote in empty)


def test_an_option_price_never_lies_below_its_intrinsic_value_nor_falls_as_volatility_rises() -> None:
    for item in nearest(SHARED_MARKET, START, 1):
        quote = SHARED_MARKET.quote(item, START)
        spot = SHARED_MARKET.spot("BTC", START)
        inside = spot - item.strike if item.symbol.startswith("C") else item.strike - spot
        assert quote.mark is not None
        assert quote.mark >= inside - Decimal("0.001")
        assert (quote.vega or 0.0) >= 0.0
