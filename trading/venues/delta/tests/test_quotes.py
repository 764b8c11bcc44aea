"""One quote per option from frames of several channels (§7.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from trading.strategy.events import QuoteSeen, SpotSeen
from trading.strategy.types import Quote
from trading.venues.delta import parse
from trading.venues.delta.clock import from_micros
from trading.venues.delta.fields import BadField
from trading.venues.delta.inbox import Inbox
from trading.venues.delta.public_stream import channels
from trading.venues.delta.quotes import QuoteBook
from trading.venues.delta.tests.support import CALL, MICROS, PUT, l1, product, ticker

SECOND = 1_000_000


class Desk:
    """A quote book that watches the put, with the inbox it fills."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.book = QuoteBook(self.inbox, lambda: from_micros(MICROS))
        self.book.watch([PUT], ".DEXBTUSD")

    @property
    def quote(self) -> Quote:
        quote = self.book.newest(PUT)
        assert quote is not None
        return quote


def compact(at: int = MICROS, **changes: Any) -> dict[str, Any]:
    """A ``ticker`` frame of a chain, arrays in the exchange's order."""
    row = {
        "s": PUT,
        "i": 151043,
        "m": "392.8",
        "m24hc": "-2",
        "ohlc": [400, 410, 380, 391],
        "oi": ["1014", "19481"],
        "pb": ["50.01", "1644.08"],
        "q": ["394.5", "4427", "391", "6501", None],
        "qiv": ["0.43", "0.41", "0.42"],
        "g": ["-0.164", "0.000015", "27.02", "-23.86", "94.28"],
        "to": ["1", "2"],
        **changes,
    }
    return {"type": "ticker", "sy": "BTC-050926", "sp": "83528.1", "ts": at, "d": [{**row, "s": CALL}, row]}


def test_the_arrays_of_a_ticker_are_ask_first_and_rho_before_theta() -> None:
    desk = Desk()
    desk.book.take(compact())
    quote = desk.quote
    assert (quote.ask, quote.ask_size, quote.bid, quote.bid_size) == (Decimal("394.5"), 4427, Decimal(391), 6501)
    assert (quote.delta, quote.gamma, quote.theta, quote.vega) == (-0.164, 0.000015, -23.86, 94.28)
    assert quote.iv == 0.42
    assert (quote.band_low, quote.band_high) == (Decimal("50.01"), Decimal("1644.08"))
    assert quote.open_interest == 1014


def test_only_watched_options_are_passed_on() -> None:
    desk = Desk()
    desk.book.take(compact())
    desk.book.take(l1(CALL))
    assert [event.quote.symbol for event in desk.inbox.drain() if isinstance(event, QuoteSeen)] == [PUT]


def test_the_book_of_l1_wins_over_an_older_ticker_and_keeps_its_greeks() -> None:
    desk = Desk()
    desk.book.take(compact())
    desk.book.take(l1(bp="390", ts=MICROS + SECOND))
    desk.book.take(compact(at=MICROS + SECOND // 2, g=["-0.2", "0", "0", "0", "0"]))
    assert desk.quote.bid == 390
    assert desk.quote.at == from_micros(MICROS + SECOND)
    assert desk.quote.delta == -0.2


def test_a_newer_ticker_stands_in_where_l1_is_silent() -> None:
    desk = Desk()
    desk.book.take(l1())
    desk.book.take(compact(at=MICROS + 5 * SECOND, q=["380", "1", "370", "2", None]))
    assert (desk.quote.bid, desk.quote.ask) == (370, 380)


def test_a_late_or_repeated_book_changes_nothing() -> None:
    desk = Desk()
    desk.book.take(l1(ts=MICROS + SECOND))
    desk.book.take(l1(bp="1", ts=MICROS))
    assert desk.quote.bid == 391


def test_a_mark_never_makes_a_quote_look_fresh() -> None:
    desk = Desk()
    desk.book.take(l1())
    desk.book.take({"type": "mark_price", "sy": f"MARK:{PUT}", "p": "400", "ts": MICROS + 60 * SECOND})
    assert desk.quote.mark == 400
    assert desk.quote.at == from_micros(MICROS)


def test_an_empty_side_is_none() -> None:
    desk = Desk()
    desk.book.take({**l1(ap=None), "as": None})
    assert (desk.quote.ask, desk.quote.ask_size) == (None, 0)


def test_the_index_and_its_settlement_average() -> None:
    desk = Desk()
    desk.book.take({"type": "spot_price", "sy": ".DEXBTUSD", "p": "83528.1", "ts": MICROS})
    desk.book.take({"type": "spot_price", "sy": ".DEETHUSD", "p": "4000", "ts": MICROS + 1})
    desk.book.take({"type": "spot_30mtwap_price", "symbol": ".DEXBTUSD", "price": "83500", "timestamp": MICROS})
    assert [event.price for event in desk.inbox.drain() if isinstance(event, SpotSeen)] == [Decimal("83528.1")]
    assert desk.book.settlement_twap == 83500


def test_a_ticker_carries_the_index_where_its_own_channel_is_silent() -> None:
    desk = Desk()
    desk.book.take(compact())
    assert desk.book.spot == Decimal("83528.1")


def test_a_slow_engine_sees_the_newest_quote_only() -> None:
    desk = Desk()
    for step in range(5):
        desk.book.take(l1(bp=str(390 + step), ts=MICROS + step))
    quotes = [event.quote.bid for event in desk.inbox.drain() if isinstance(event, QuoteSeen)]
    assert quotes == [394]
    assert desk.inbox.drain() == []


def test_nonsense_in_a_frame_is_named() -> None:
    desk = Desk()
    with pytest.raises(BadField, match="ap 'cheap' is not a number"):
        desk.book.take(l1(ap="cheap"))
    with pytest.raises(BadField, match="q is not a list"):
        desk.book.take(compact(q="391"))
    with pytest.raises(BadField, match="ts is missing"):
        desk.book.take({"type": "ob_l1", "sy": PUT})


def test_the_oldest_quote_counts_and_a_missing_one_is_unknown() -> None:
    desk = Desk()
    desk.book.watch([PUT, CALL], ".DEXBTUSD")
    desk.book.take(l1())
    assert desk.book.oldest_at() is None
    desk.book.take(l1(CALL, ts=MICROS + SECOND))
    assert desk.book.oldest_at() == from_micros(MICROS)


def test_rest_fills_the_gaps_of_the_streams() -> None:
    desk = Desk()
    desk.book.take_rest(parse.quote(ticker()))
    desk.book.take_spot(from_micros(MICROS), Decimal(83000))
    assert (desk.quote.bid, desk.book.spot) == (391, 83000)


def test_it_subscribes_by_symbol_by_chain_and_by_index() -> None:
    options = [parse.instrument(product()), parse.instrument(product(CALL, 151044))]
    assert channels(options, ".DEXBTUSD") == {
        "product_updates": (),
        "system_status": (),
        "ob_l1": [PUT, CALL],
        "ticker": ["BTC-050926"],
        "mark_price": [f"MARK:{PUT}", f"MARK:{CALL}"],
        "spot_price": [".DEXBTUSD"],
        "spot_30mtwap_price": [".DEXBTUSD"],
    }
