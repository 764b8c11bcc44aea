"""P&L of the legs and of the session, on mark and on cost to close."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy.fees import option_fee
from trading.strategy.pnl import LegBook, Totals, close_price, leg_pnl, totals
from trading.strategy.tests.samples import CALL, NOW, PUT, SPOT, later, leg, requoted

D = Decimal
LIMIT = 60


def value(*legs: LegBook, spot: Decimal | None = SPOT, seconds: float = 0) -> Totals:
    """Totals of the legs, seconds after their quotes."""
    return totals(legs, spot=spot, now=later(seconds), stale_seconds=LIMIT)


def closed(book: LegBook, price: str) -> LegBook:
    """The leg, all bought back."""
    return replace(book, size_open=0, size_closed=book.size_total, exit_price=D(price))


def test_a_short_leg_gains_what_the_offer_fell() -> None:
    valued = leg_pnl(leg(), spot=SPOT, now=NOW, stale_seconds=LIMIT)
    assert (valued.close_price, valued.cost_to_close) == (D(80), D("0.800"))
    assert (valued.close_pnl, valued.mark_pnl) == (D("0.200"), D("0.2050"))
    assert (valued.fresh, valued.why_not) == (True, "")


def test_a_short_leg_loses_when_the_offer_rises() -> None:
    valued = leg_pnl(requoted(leg(), ask=D(130), mark=D(129)), spot=SPOT, now=NOW, stale_seconds=LIMIT)
    assert valued.close_pnl == D("-0.300")


def test_net_takes_off_fees_paid_and_the_fees_of_closing() -> None:
    seen = value(leg(CALL), leg(PUT))
    closing = 2 * D("0.035") * D("0.80") * D("1.18")
    assert (seen.credit, seen.gross, seen.fees_paid) == (D(2), D("0.4"), D("0.08"))
    assert seen.fees_to_close == closing
    assert seen.net == D("0.4") - D("0.08") - closing
    assert (seen.gross_pct, seen.net_pct) == (D(20), seen.net * 50)
    assert (seen.complete, seen.cost_to_close) == (True, D("1.6"))


def test_the_closing_fee_is_the_venues_fee_at_the_offer() -> None:
    seen = value(requoted(leg(), ask=D(400), mark=D(399)))
    rates = leg().instrument
    assert seen.fees_to_close == option_fee(
        price=D(400),
        size=10,
        contract_value=D("0.001"),
        underlying_price=SPOT,
        rate=rates.taker_rate,
        cap_rate=rates.premium_cap_rate,
    )


def test_without_an_index_price_the_strike_stands_in_for_the_fee() -> None:
    dear = requoted(leg(), ask=D(400), mark=D(399))
    assert value(dear, spot=None) == value(dear, spot=dear.instrument.strike)


def test_percentages_stay_relative_to_all_premium_ever_sold() -> None:
    half = replace(leg(), size_open=5, size_closed=5, exit_price=D(60))
    seen = value(half)
    assert seen.credit == 1
    assert seen.realized == D("0.2")
    assert seen.gross == D("0.3")
    assert seen.gross_pct == 30


def test_a_closed_session_needs_no_quotes() -> None:
    done = (replace(closed(leg(kind), "60"), quote=None) for kind in (CALL, PUT))
    seen = value(*done)
    assert seen.complete
    assert (seen.gross, seen.realized, seen.mark_gross) == (D("0.8"), D("0.8"), D("0.8"))
    assert (seen.cost_to_close, seen.fees_to_close, seen.net_delta) == (D(0), D(0), 0.0)


def test_a_leg_with_no_fills_is_worth_nothing() -> None:
    unfilled = replace(leg(), size_open=0, size_total=0, entry_price=D(0), fees_paid=D(0), quote=None)
    seen = value(unfilled)
    assert (seen.credit, seen.gross, seen.gross_pct, seen.complete) == (D(0), D(0), D(0), True)


@pytest.mark.parametrize(
    ("book", "why"),
    [
        (replace(leg(), quote=None), "call: no quote yet"),
        (requoted(leg(), ask=None), "call: no offer"),
        (requoted(leg(), ask=D(0)), "call: no offer"),
        (requoted(leg(), bid=D(81)), "call: crossed book, bid 81 above offer 80"),
        (requoted(leg(), ask=D("240.6")), "call: offer 240.6 is beyond the bound 240.5 around mark 79.5"),
        (requoted(leg(), at=NOW - timedelta(seconds=60)), "call: quote is 60 s old"),
    ],
)
def test_an_unknown_cost_to_close_is_said_and_makes_totals_incomplete(book: LegBook, why: str) -> None:
    seen = value(book, leg(PUT))
    assert not seen.complete
    assert seen.why_not == why
    first, second = seen.legs
    assert (first.close_price, first.close_pnl, first.cost_to_close) == (None, None, None)
    assert second.close_price == 80


def test_incomplete_totals_show_the_mark() -> None:
    seen = value(requoted(leg(CALL), ask=None), leg(PUT))
    assert seen.gross == D("0.205") + D("0.200")
    assert seen.mark_gross == D("0.205") * 2
    assert value(replace(leg(), quote=None)).gross == 0


@pytest.mark.parametrize(
    "book",
    [
        requoted(leg(), ask=D("240.5")),
        requoted(leg(), bid=D(80)),
        requoted(leg(), bid=None),
        requoted(leg(), mark=None),
        requoted(leg(), at=NOW - timedelta(seconds=59)),
    ],
)
def test_an_odd_but_usable_offer_is_a_price(book: LegBook) -> None:
    seen = value(book)
    assert seen.complete
    assert book.quote is not None
    assert seen.legs[0].close_price == book.quote.ask


def test_a_worthless_option_may_be_offered_twenty_ticks_above_nothing() -> None:
    cheap = requoted(leg(), bid=None, mark=D(0), ask=D(2))
    price, why = close_price(cheap.quote, cheap.instrument, now=NOW, stale_seconds=LIMIT)
    assert (price, why) == (D(2), "")
    dear = requoted(cheap, ask=D("2.1"))
    assert close_price(dear.quote, dear.instrument, now=NOW, stale_seconds=LIMIT)[0] is None


def test_a_quote_stamped_in_the_future_is_fresh() -> None:
    assert value(requoted(leg(), at=later(5))).complete


def test_net_delta_is_per_pair_and_short() -> None:
    assert value(leg(CALL), leg(PUT)).net_delta == pytest.approx(0.0)
    assert value(requoted(leg(CALL), delta=0.3), leg(PUT)).net_delta == pytest.approx(-0.18)
    assert value(leg(CALL), closed(leg(PUT), "60")).net_delta == pytest.approx(-0.12)
    assert value(leg(CALL), replace(leg(PUT), size_open=5)).net_delta == pytest.approx(-0.06)


def test_net_delta_is_unknown_when_a_delta_is_missing_or_stale() -> None:
    assert value(requoted(leg(CALL), delta=None), leg(PUT)).net_delta is None
    assert value(leg(CALL), requoted(leg(PUT), at=NOW - timedelta(seconds=60))).net_delta is None
    assert value(replace(leg(CALL), quote=None), leg(PUT)).net_delta is None


PRICES = st.decimals(D("0.1"), 5000, places=1)


@st.composite
def books(draw: st.DrawFn) -> LegBook:
    """A leg, partly open and partly closed, with or without a quote."""
    total = draw(st.integers(1, 100))
    done = draw(st.integers(0, total))
    base = leg(draw(st.sampled_from([CALL, PUT])))
    book = replace(
        base,
        size_total=total,
        size_closed=done,
        size_open=total - done,
        entry_price=draw(PRICES),
        exit_price=draw(PRICES) if done else None,
        fees_paid=draw(st.decimals(0, 5, places=6)),
    )
    if draw(st.booleans()):
        return requoted(book, bid=draw(st.none() | PRICES), ask=draw(st.none() | PRICES), mark=draw(st.none() | PRICES))
    return replace(book, quote=None)


@given(st.lists(books(), min_size=1, max_size=2), st.integers(0, 120))
def test_the_parts_add_up(legs: list[LegBook], seconds: int) -> None:
    seen = value(*legs, seconds=seconds)
    assert seen.net == seen.gross - seen.fees_paid - seen.fees_to_close
    assert seen.complete == all(
        not book.size_open or one.close_price for book, one in zip(legs, seen.legs, strict=True)
    )
    assert bool(seen.why_not) != seen.complete
    if seen.complete:
        collected = sum(book.entry_price * book.size_total * book.contract_value for book in legs)
        paid = sum((book.exit_price or D(0)) * book.size_closed * book.contract_value for book in legs)
        assert seen.gross == collected - paid - seen.cost_to_close
        assert seen.cost_to_close == sum(one.cost_to_close or 0 for one in seen.legs)


@given(st.lists(books(), min_size=1, max_size=2))
def test_closing_at_the_offer_realises_what_was_shown(legs: list[LegBook]) -> None:
    shown = value(*legs)
    if not shown.complete:
        return
    flat = []
    for book, one in zip(legs, shown.legs, strict=True):
        paid = (book.exit_price or D(0)) * book.size_closed + (one.close_price or D(0)) * book.size_open
        fees = book.fees_paid + one.close_fee
        flat.append(replace(closed(book, str(paid / book.size_total)), fees_paid=fees))
    after = value(*flat)
    assert abs(after.gross - shown.gross) < D("1e-15")
    assert abs(after.net - shown.net) < D("1e-15")


@given(books(), PRICES)
def test_a_dearer_offer_is_never_better(book: LegBook, more: Decimal) -> None:
    if book.quote is None or book.quote.ask is None:
        return
    before, after = value(book), value(requoted(book, ask=book.quote.ask + more))
    if before.complete and after.complete:
        assert after.gross <= before.gross
        assert after.net <= before.net
