"""Rows of the exchange: lenient in type, strict in meaning."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy.types import OptionType, OrderStatus, Outcome, Side
from trading.venues.delta import parse, parse_account
from trading.venues.delta.fields import BadField, decimal, moment, whole
from trading.venues.delta.tests.support import CALL, MICROS, PUT, fill_row, order_row, product, ticker
from trading.venues.delta.wire import dumps, loads

PRICES = st.decimals(min_value="0.1", max_value="99999", places=1)


def test_it_reads_a_product_as_captured_live() -> None:
    option = parse.instrument(product())
    assert (option.symbol, option.product_id, option.underlying) == (PUT, 151043, "BTC")
    assert option.option_type is OptionType.PUT
    assert option.strike == 83200
    assert option.settlement_at == datetime(2026, 9, 5, 12, tzinfo=UTC)
    assert (option.tick_size, option.contract_value) == (Decimal("0.1"), Decimal("0.001"))
    assert (option.taker_rate, option.premium_cap_rate) == (Decimal("0.0001"), Decimal("0.035"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"contract_type": "move_options"}, "contract type move_options"),
        ({"contract_type": "quantum_options"}, "contract type quantum_options"),
        ({"state": "expired"}, "state expired"),
        ({"is_quanto": True}, "quanto"),
        ({"tick_size": "0"}, "tick_size 0 is not above zero"),
        ({"contract_value": None}, "contract_value is missing"),
        ({"strike_price": "many"}, "strike_price 'many' is not a number"),
        ({"strike_price": "Infinity"}, "strike_price 'Infinity' is not finite"),
        ({"taker_commission_rate": None}, "taker_commission_rate None"),
        ({"settlement_time": "tomorrow"}, "settlement_time 'tomorrow' is not a time"),
    ],
)
def test_a_product_it_cannot_use_is_skipped_and_named(changes: dict[str, Any], reason: str) -> None:
    good, skipped = parse.instruments([product(**changes), product(CALL, 151044)])
    assert [option.symbol for option in good] == [CALL]
    assert skipped == [f"{PUT}: {reason}"]


def test_unknown_fields_change_nothing() -> None:
    assert parse.instrument(product(novelty={"a": [1]})) == parse.instrument(product())
    assert parse.quote(ticker(novelty=1)) == parse.quote(ticker())


@given(price=PRICES, size=st.integers(1, 10**6), text=st.booleans())
def test_a_number_means_the_same_as_string_and_as_number(price: Decimal, size: int, text: bool) -> None:
    quotes = {"best_bid": str(price), "bid_size": str(size), "best_ask": str(price + 1), "ask_size": str(size)}
    row = ticker(quotes=quotes if text else {name: float(value) for name, value in quotes.items()})
    quote = parse.quote(loads(dumps(row)))
    assert (quote.bid, quote.bid_size, quote.ask) == (price, size, price + 1)


@given(strike=st.integers(1, 10**6), tick=PRICES)
def test_a_product_survives_the_wire(strike: int, tick: Decimal) -> None:
    row = product(strike_price=str(strike), tick_size=str(tick), id="151043")
    option = parse.instrument(loads(dumps(row)))
    assert (option.strike, option.tick_size, option.product_id) == (strike, tick, 151043)


def test_it_reads_a_ticker_as_captured_live() -> None:
    quote = parse.quote(ticker())
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (Decimal(391), 6501, Decimal("394.5"), 4427)
    assert quote.mark == Decimal("392.81008713")
    assert quote.iv == pytest.approx(0.42445466)
    assert quote.delta == pytest.approx(-0.16426413)
    assert quote.open_interest == 1014
    assert (quote.band_low, quote.band_high) == (Decimal("50.01"), Decimal("1644.08"))
    assert quote.at == moment({"t": MICROS}, "t")


def test_an_empty_side_has_no_price() -> None:
    quote = parse.quote(ticker(quotes={"best_bid": None, "bid_size": None, "best_ask": "3", "ask_size": "0"}))
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (None, 0, None, 0)


def test_a_ticker_without_greeks_or_stamp() -> None:
    assert parse.quote(ticker(greeks=None)).delta is None
    quotes, skipped = parse.quotes_of([ticker(timestamp=None), ticker(CALL)], "BTC")
    assert list(quotes) == [CALL]
    assert skipped == [f"{PUT}: timestamp is missing"]


def test_what_the_exchange_did_not_filter_is_filtered_here() -> None:
    rows = [
        ticker(),
        ticker("C-ETH-4000-050926", underlying_asset_symbol="ETH"),
        ticker("BTCUSD", contract_type="perpetual_futures"),
    ]
    quotes, skipped = parse.quotes_of(rows, "BTC")
    assert list(quotes) == [PUT]
    assert not skipped


def test_an_order_reports_its_fills_whatever_its_state() -> None:
    partial = parse_account.order(order_row(unfilled_size="4", average_fill_price="391")).report
    assert (partial.outcome, partial.status, partial.filled) == (Outcome.ACCEPTED, OrderStatus.OPEN, 6)
    assert partial.average_price == 391
    dead = parse_account.order(order_row(state="cancelled", unfilled_size=4, cancellation_reason="self_trade")).report
    assert (dead.status, dead.filled, dead.code) == (OrderStatus.CANCELLED, 6, "self_trade")
    assert parse_account.order(order_row(state="pending")).report.status is OrderStatus.OPEN


def test_a_stream_row_names_its_id_differently() -> None:
    row = order_row()
    row["order_id"] = row.pop("id")
    assert parse_account.order(row).order_id == "34521712"


@pytest.mark.parametrize(
    "changes",
    [{"state": "levitating"}, {"size": None}, {"unfilled_size": 11}, {"unfilled_size": "4.5"}, {"id": None}],
)
def test_an_order_that_does_not_say_what_became_of_it_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadField):
        parse_account.order(order_row(**changes))


def test_it_reads_a_fill_with_the_commission_the_venue_charged() -> None:
    seen = parse_account.fill(fill_row())
    assert seen.fill.commission == Decimal("0.0753148")
    assert (seen.fill.side, seen.fill.size, seen.fill.price) == (Side.SELL, 10, 391)
    assert seen.order_id == "34521712"
    assert seen.fill.at == datetime(2026, 9, 4, 17, 41, 26, 100_000, tzinfo=UTC)


def test_a_fill_without_commission_is_not_booked() -> None:
    with pytest.raises(BadField, match="commission is missing"):
        parse_account.fill(fill_row(commission=None))


def test_the_dollar_wallet_is_found_among_the_assets() -> None:
    rows: list[dict[str, Any]] = [
        {"asset_symbol": "BTC", "balance": "1", "available_balance": "1"},
        {"asset_symbol": "USD", "balance": "1000.5", "available_balance": 900, "blocked_margin": "100.5"},
    ]
    balance = parse_account.balance(rows)
    assert (balance.cash, balance.available, balance.margin) == (Decimal("1000.5"), 900, Decimal("100.5"))
    with pytest.raises(BadField, match="no dollar wallet"):
        parse_account.balance(rows[:1])


def test_times_come_with_any_number_of_digits() -> None:
    expected = datetime(2026, 9, 3, 17, 39, 59, 711529, tzinfo=UTC)
    assert moment({"t": "2026-09-03T17:39:59.711529383Z"}, "t") == expected
    assert moment({"t": "2026-09-03T17:39:59Z"}, "t") == expected.replace(microsecond=0)
    assert moment({"t": str(MICROS)}, "t") == moment({"t": MICROS / 1_000_000}, "t")


def test_whole_numbers_are_whole() -> None:
    assert whole({"n": "10.0"}, "n") == 10
    assert decimal({"n": ""}, "n") is None
    with pytest.raises(BadField):
        whole({"n": 1.5}, "n")
