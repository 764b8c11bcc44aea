"""Getting out, and proving it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trading.strategy.events import Cancel, FetchFills, Finish, Order, ReadPositions
from trading.strategy.tests.desk import Desk
from trading.strategy.types import ExitReason, OptionType, OrderStatus, OrderType, Outcome, Phase, Purpose

CALL, PUT = OptionType.CALL, OptionType.PUT


def test_it_closes_both_legs_in_one_decision_and_proves_the_account_flat() -> None:
    desk = Desk().live()
    desk.order(Order.STOP)
    orders = desk.placed()
    assert [(o.leg, o.size, o.reduce_only) for o in orders] == [(CALL, 10, True), (PUT, 10, True)]
    desk.taken(ReadPositions)
    for order in orders:
        desk.fill(order)
    assert desk.state.phase is Phase.EXITING
    assert len(desk.taken(ReadPositions)) == 1
    desk.positions()
    assert desk.state.phase is Phase.CLOSED
    assert desk.state.exit_reason is ExitReason.STOPPED
    assert desk.taken(Finish) == [Finish(ExitReason.STOPPED)]
    assert desk.said("proof_of_flat")


def test_it_does_not_take_a_failed_position_read_for_flat() -> None:
    desk = Desk().live()
    desk.order(Order.STOP)
    for order in desk.placed():
        desk.fill(order)
    desk.positions(ok=False)
    assert desk.state.phase is Phase.EXITING
    desk.taken(ReadPositions)
    desk.wait(3)
    assert desk.taken(ReadPositions)
    desk.positions()
    assert desk.state.phase is Phase.CLOSED


def test_it_keeps_trying_and_escalates_to_the_market_without_booking_a_price() -> None:
    desk = Desk(order_attempts=2).live()
    desk.order(Order.STOP)
    types = []
    for _ in range(40):
        for order in desk.placed():
            if order.leg is PUT:
                desk.fill(order)
                continue
            types.append(order.order_type)
            desk.report(order, Outcome.ACCEPTED, OrderStatus.CANCELLED)
        desk.wait(1)
    assert types[:3] == [OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET]
    assert desk.state.phase is Phase.ATTENTION
    assert desk.leg(CALL).held == 10
    assert desk.leg(CALL).exit_price is None
    desk.close_everything()
    assert desk.state.phase is Phase.CLOSED


def test_it_asks_for_the_fills_of_a_close_that_was_not_reported() -> None:
    desk = Desk().live()
    desk.order(Order.STOP)
    call, put = desk.placed()
    desk.fill(put)
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CLOSED, filled=10)
    assert desk.taken(FetchFills)[-1].client_order_ids == (call.client_order_id,)
    desk.wait(2)
    assert desk.placed() == []
    assert desk.leg(CALL).held == 10


def test_a_panic_goes_straight_to_the_market() -> None:
    desk = Desk().live()
    desk.order(Order.PANIC)
    assert {o.order_type for o in desk.placed()} == {OrderType.MARKET}
    assert desk.state.exit_reason is ExitReason.PANIC_CLOSE


def test_a_second_panic_sends_nothing_more() -> None:
    desk = Desk().live()
    desk.order(Order.PANIC)
    assert len(desk.placed()) == 2
    desk.order(Order.PANIC)
    desk.wait(1)
    assert desk.placed() == []
    assert len(desk.said("exit_decided")) == 1


def test_a_panic_while_entering_closes_what_was_sold_and_what_fills_late() -> None:
    desk = Desk()
    call, put = desk.select()
    desk.fill(call)
    desk.accept(put)
    desk.order(Order.PANIC)
    closes = desk.placed()
    assert [(o.leg, o.purpose) for o in closes] == [(CALL, Purpose.EXIT)]
    assert put.client_order_id in {c.client_order_id for c in desk.taken(Cancel)}
    desk.fill(put, 6)
    desk.report(put, Outcome.ACCEPTED, OrderStatus.CANCELLED, filled=6)
    desk.wait(1)
    late = desk.placed()
    assert [(o.leg, o.size) for o in late] == [(PUT, 6)]
    for order in (*closes, *late):
        desk.fill(order)
    desk.positions()
    assert desk.state.phase is Phase.CLOSED
    assert desk.state.held == 0


def test_a_panic_while_a_rule_is_closing_keeps_the_rules_reason() -> None:
    desk = Desk(max_hold_minutes=1).live()
    desk.wait(61)
    assert desk.state.exit_reason is ExitReason.TIME_EXIT
    desk.order(Order.PANIC)
    desk.close_everything()
    assert desk.state.exit_reason is ExitReason.TIME_EXIT


def test_it_hands_over_without_closing_when_told_to_leave_the_legs_open() -> None:
    desk = Desk().live()
    desk.order(Order.HAND_OVER)
    assert desk.placed() == []
    assert desk.state.phase is Phase.CLOSED
    assert desk.state.exit_reason is ExitReason.HANDED_OVER
    assert "10" in desk.said("handed_over")[0]


def test_it_says_so_when_somebody_else_closed_the_position() -> None:
    desk = Desk().live()
    for _ in range(3):
        desk.wait(31)
        desk.positions(call=0)
    assert desk.state.phase is Phase.ATTENTION
    assert "venue +0, ledger -10" in desk.state.attention


def test_it_books_no_price_for_contracts_that_were_closed_outside() -> None:
    desk = Desk().live()
    desk.order(Order.STOP)
    call, put = desk.placed()
    desk.fill(put)
    desk.report(call, Outcome.REJECTED, code="no_position_for_reduce_only")
    for _ in range(3):
        desk.fills_known()
        desk.positions(call=0)
        desk.wait(3)
    desk.positions()
    assert desk.state.phase is Phase.CLOSED
    assert desk.state.exit_reason is ExitReason.CLOSED_OUTSIDE
    assert desk.leg(CALL).exit_price is None
    assert desk.leg(CALL).external == 10


def test_contracts_are_not_taken_for_closed_outside_before_every_fill_of_ours_is_known() -> None:
    desk = Desk().live()
    desk.order(Order.STOP)
    call, put = desk.placed()
    desk.fill(put)
    desk.report(call, Outcome.REJECTED, code="no_position_for_reduce_only")
    for _ in range(3):
        desk.positions(call=0)
        desk.wait(2)
    assert desk.leg(CALL).external == 0
    assert "Venue and ledger disagree" in desk.state.attention


def test_it_goes_back_to_live_when_venue_and_ledger_agree_again() -> None:
    desk = Desk().live()
    for _ in range(3):
        desk.wait(31)
        desk.positions(call=0)
    desk.positions()
    assert desk.state.phase is Phase.LIVE
    assert desk.state.attention == ""


@pytest.mark.parametrize("kind", [CALL, PUT])
def test_realised_profit_is_the_fills_and_nothing_else(kind: OptionType) -> None:
    desk = Desk().live()
    entry = {leg.option_type: leg.entry_value for leg in desk.state.legs}
    desk.order(Order.STOP)
    orders = {o.leg: o for o in desk.placed()}
    for order in orders.values():
        desk.fill(order, price="42.0")
    desk.positions()
    leg = desk.leg(kind)
    assert leg.realised == (entry[kind] - Decimal(420)) * Decimal("0.001")
    assert desk.state.realised == sum(entry.values()) * Decimal("0.001") - Decimal("0.84") - Decimal("0.04")
