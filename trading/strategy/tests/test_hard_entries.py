"""Entries of which the venue tells late, twice, or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from trading.strategy.events import (
    Cancel,
    ChainRead,
    FillSeen,
    LoadChain,
    OrderReported,
    Query,
    QuoteSeen,
    ReadPositions,
    Tick,
    Verdict,
)
from trading.strategy.tests.desk import COMMISSION, Desk
from trading.strategy.tests.samples import full_chain
from trading.strategy.types import (
    ExitReason,
    Fill,
    MarginSeen,
    OptionType,
    OrderIntent,
    OrderReport,
    OrderStatus,
    Outcome,
    Phase,
    Position,
    Purpose,
)

CALL, PUT = OptionType.CALL, OptionType.PUT


def replaced(desk: Desk) -> tuple[OrderIntent, OrderIntent]:
    """The call's first order was called absent, and a second one was sent. Both of them."""
    call, put = desk.select()
    desk.report(call, Outcome.UNKNOWN)
    desk.fill(put)
    desk.report(call, Outcome.ABSENT)
    desk.wait(1)
    (again,) = [order for order in desk.placed() if order.leg is CALL]
    return call, again


def nobody_knows(desk: Desk, seconds: int) -> None:
    """Every question after an order stays without an answer."""
    for _ in range(seconds):
        desk.wait(1)
        for ask in desk.taken(Query):
            desk.send(OrderReported(desk.now, OrderReport(ask.client_order_id, Outcome.UNKNOWN)))


def test_what_an_order_taken_for_lost_sells_while_live_is_bought_back_at_once() -> None:
    desk = Desk()
    call, again = replaced(desk)
    desk.fill(again)
    assert desk.state.phase is Phase.LIVE
    desk.fill(call)
    (order,) = desk.placed()
    assert (order.leg, order.size, order.purpose, order.reduce_only) == (CALL, 10, Purpose.UNWIND, True)
    assert "taken for lost" in desk.said("leg_shrunk")[0]
    desk.fill(order)
    desk.wait(5)
    if desk.taken(ReadPositions):
        desk.positions()
    assert [leg.held for leg in desk.state.legs] == [10, 10]
    assert desk.state.phase is Phase.LIVE
    assert [order for order in desk.placed() if order.purpose is Purpose.UNWIND] == []


def test_the_replacement_is_cancelled_at_once_when_the_first_order_filled_after_all() -> None:
    desk = Desk()
    call, again = replaced(desk)
    desk.accept(again)
    desk.taken(Cancel)
    desk.fill(call)
    assert again.client_order_id in [cancel.client_order_id for cancel in desk.taken(Cancel)]


def test_orders_whose_every_contract_was_told_on_the_socket_are_over_without_another_word() -> None:
    desk = Desk()
    for number, order in enumerate(desk.select()):
        desk.report(order, Outcome.UNKNOWN)
        assert order.limit_price is not None
        fill = Fill(
            f"s{number}", order.client_order_id, "v1", order.symbol, order.side, 10, order.limit_price, COMMISSION,
            "taker", desk.now,
        )  # fmt: skip
        desk.send(FillSeen(desk.now, fill))
    assert desk.state.phase is Phase.LIVE
    assert {order.venue_order_id for leg in desk.state.legs for order in leg.done} == {"v1"}


def test_equal_halves_whose_rest_nobody_tells_of_are_bought_back_in_the_end() -> None:
    desk = Desk()
    for order in desk.select():
        desk.fill(order, 5)
        desk.report(order, Outcome.UNKNOWN, filled=5)
    nobody_knows(desk, 600)
    assert desk.state.exit_reason is ExitReason.ENTRY_FAILED
    assert {order.purpose for order in desk.placed()} == {Purpose.EXIT}


def test_a_strike_that_the_account_is_long_of_is_never_sold() -> None:
    probe = Desk()
    taken = {order.symbol for order in probe.select()}
    held = tuple(Position(symbol, 5) for symbol in taken)
    desk = Desk(delta_range_low=Decimal("0.02"))
    sold = {order.symbol for order in desk.select(held=held)}
    assert not sold & taken


def test_a_refusal_whose_figures_move_is_told_once() -> None:
    desk = Desk(entry_window_seconds=600)
    symbols = probe_symbols()
    desk.send(Tick(desk.now))
    for second in range(300):
        if desk.taken(LoadChain):
            margin = MarginSeen(symbols, Decimal(500) + Decimal(second) / 100, Decimal(100))
            desk.send(ChainRead(desk.now, full_chain(), (), margin=margin))
        desk.wait(1, requote=False)
    assert sum("margin" in line for line in desk.said("selection_refused")) == 1


def probe_symbols() -> tuple[str, ...]:
    """The options that the sample chain leads to."""
    probe = Desk()
    probe.select()
    return probe.state.symbols


def test_a_venue_whose_every_second_answer_fails_is_told_of_now_and_then() -> None:
    desk = Desk().live()
    looks = 0
    for _ in range(1800):
        desk.wait(1)
        for read in desk.taken(ReadPositions):
            looks += 1
            desk.positions(ok=bool(looks % 2), whole=read.whole)
    assert looks > 300
    assert 1 <= len(desk.said("positions_unreadable")) <= 1800 / 300 + 1


def test_an_index_that_is_as_old_as_no_quote_may_be_is_not_judged() -> None:
    desk = Desk(underlying_stop_pct=Decimal(1)).live()
    desk.wait(desk.state.params.stale_quote_seconds + 1)
    decision = desk.send(Tick(desk.now))
    (rule,) = [rule for rule in decision.trace if rule.rule is ExitReason.UNDERLYING_STOP]
    assert rule.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("ahead", [timedelta(minutes=1), timedelta(hours=1)])
def test_a_quote_stamped_ahead_of_its_time_does_not_keep_out_the_ones_that_follow(ahead: timedelta) -> None:
    desk = Desk().live()
    quote = desk.leg(CALL).quote
    assert quote is not None
    desk.send(QuoteSeen(desk.now, replace(quote, at=desk.now + ahead)))
    desk.wait(1, requote=False)
    desk.send(
        QuoteSeen(desk.now, replace(quote, at=desk.now, ask=Decimal(2000), bid=Decimal(1990), mark=Decimal(1995)))
    )
    seen = desk.leg(CALL).quote
    assert seen is not None
    assert seen.ask == Decimal(2000)


def test_an_order_that_the_venue_ended_is_final_whatever_is_said_of_it_later() -> None:
    desk = Desk()
    call, _ = desk.select()
    desk.fill(call)
    desk.report(call, Outcome.ACCEPTED, OrderStatus.OPEN)
    order = desk.leg(CALL).find(call.client_order_id)
    assert order is not None
    assert order.status is OrderStatus.CLOSED
