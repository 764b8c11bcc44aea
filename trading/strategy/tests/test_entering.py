"""From the window to a balanced strangle."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy.entering import completing_seconds, naked_delta
from trading.strategy.events import Cancel, ChainRead, FillSeen, LimitsSeen, LoadChain, Order, Query, Tick
from trading.strategy.state import SessionState
from trading.strategy.tests.desk import Desk
from trading.strategy.tests.samples import NOW, chain, full_chain, later, params
from trading.strategy.types import (
    ZERO,
    ExitReason,
    Fill,
    OptionType,
    OrderStatus,
    Outcome,
    Phase,
    Position,
    Purpose,
    Side,
)

CALL, PUT = OptionType.CALL, OptionType.PUT


def test_it_waits_for_its_entry_time_and_then_asks_for_the_chain() -> None:
    desk = Desk(trade_time_ist="09:35")
    desk.state = SessionState(desk.state.strategy_id, desk.state.params)
    desk.send(Tick(NOW))
    assert desk.state.phase is Phase.WAITING
    assert desk.taken(LoadChain) == []
    desk.send(Tick(later(301)))
    assert desk.state.phase is Phase.SELECTING
    assert desk.taken(LoadChain) == [LoadChain("BTC")]


def test_it_plans_the_next_day_when_the_window_was_missed() -> None:
    desk = Desk(trade_time_ist="09:00", entry_window_seconds=60)
    desk.state = SessionState(desk.state.strategy_id, desk.state.params)
    desk.send(Tick(NOW))
    assert desk.state.phase is Phase.WAITING
    assert desk.state.plan is not None
    assert desk.state.plan.day.isoformat() == "2026-09-05"


def test_it_sends_both_legs_in_one_decision() -> None:
    desk = Desk()
    orders = desk.select()
    assert [(o.leg, o.side, o.size, o.reduce_only) for o in orders] == [
        (CALL, Side.SELL, 10, False),
        (PUT, Side.SELL, 10, False),
    ]
    assert all(len(o.client_order_id) <= 32 for o in orders)
    assert desk.state.phase is Phase.ENTERING


def test_it_is_live_once_both_legs_are_filled_and_not_before() -> None:
    desk = Desk()
    call, put = desk.select()
    desk.fill(call)
    assert desk.state.phase is Phase.ENTERING
    desk.fill(put)
    assert desk.state.phase is Phase.LIVE
    assert desk.state.credit > 0


def test_it_freezes_the_exit_at_the_entry() -> None:
    desk = Desk().live()
    planned = desk.state.exit
    desk.wait(60)
    assert planned is not None
    assert desk.state.exit == planned
    assert planned.exit_at.isoformat() == "2026-09-04T09:50:00+00:00"


def test_it_waits_for_the_fills_before_it_believes_a_closed_order() -> None:
    desk = Desk()
    call, put = desk.select()
    desk.fill(put)
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CLOSED, filled=10, venue_order_id="1")
    assert desk.state.phase is Phase.ENTERING
    assert desk.leg(CALL).entry_size == 0
    desk.fill(call)
    assert desk.state.phase is Phase.LIVE


def test_it_books_a_fill_once_however_often_it_arrives() -> None:
    desk = Desk()
    call, _ = desk.select()
    fill = desk.fill(call, 4)
    assert desk.state == desk.state.with_leg(desk.leg(CALL).booked(fill))
    assert desk.leg(CALL).entry_size == 4


def test_it_never_has_more_than_the_asked_size_outstanding() -> None:
    desk = Desk()
    call, _ = desk.select()
    desk.accept(call)
    desk.fill(call, 4)
    desk.wait(6)
    cancels = desk.taken(Cancel)
    assert call.client_order_id in {c.client_order_id for c in cancels}
    assert [o for o in desk.placed() if o.leg is CALL] == []
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CANCELLED, filled=4)
    again = [o for o in desk.placed() if o.leg is CALL]
    assert [o.size for o in again] == [6]
    assert again[0].client_order_id != call.client_order_id


def test_it_asks_what_became_of_an_unknown_order_before_it_sends_another() -> None:
    desk = Desk()
    call, put = desk.select()
    desk.fill(put)
    desk.report(call, Outcome.UNKNOWN)
    assert [q.client_order_id for q in desk.taken(Query)] == [call.client_order_id]
    desk.wait(3)
    assert desk.placed() == []
    desk.fill(call)
    assert desk.state.phase is Phase.LIVE
    assert desk.leg(CALL).entry_size == 10


def test_it_tries_again_once_the_venue_never_had_the_order() -> None:
    desk = Desk()
    call, put = desk.select()
    desk.fill(put)
    desk.report(call, Outcome.UNKNOWN)
    desk.report(call, Outcome.ABSENT)
    again = desk.placed()
    assert [(o.leg, o.size, o.attempt) for o in again] == [(CALL, 10, 2)]


def test_it_unwinds_the_call_when_the_put_is_refused_for_good() -> None:
    desk = Desk()
    call, put = desk.select()
    desk.fill(call)
    desk.report(put, Outcome.REJECTED, code="insufficient_margin", detail="no money")
    orders = desk.placed()
    assert [(o.leg, o.side, o.size, o.reduce_only) for o in orders] == [(CALL, Side.BUY, 10, True)]
    assert desk.state.phase is Phase.EXITING
    desk.fill(orders[0])
    desk.positions()
    assert desk.state.phase is Phase.CLOSED
    assert desk.state.exit_reason is ExitReason.ENTRY_FAILED
    assert desk.state.realised < 0


def test_it_unwinds_within_the_naked_leg_budget_when_the_other_leg_stays_unknown() -> None:
    desk = Desk(naked_leg_seconds=20)
    call, put = desk.select()
    desk.fill(call)
    desk.report(put, Outcome.UNKNOWN)
    for _ in range(14):
        desk.wait(1)
    unwinds = [o for o in desk.placed() if o.purpose is not Purpose.ENTRY]
    assert [(o.leg, o.size) for o in unwinds] == [(CALL, 10)]


def test_a_lone_leg_is_naked_from_its_fill_on_however_late_that_is_told() -> None:
    desk = Desk(naked_leg_seconds=40, order_timeout_seconds=60)
    call, put = desk.select()
    filled = desk.now
    desk.accept(put)
    desk.wait(6)
    fill = Fill("f", call.client_order_id, "", call.symbol, call.side, 10, Decimal(80), ZERO, "taker", filled)
    desk.send(FillSeen(desk.now, fill))
    assert desk.state.unbalanced_at == filled
    desk.wait(13)
    assert not desk.leg(PUT).blocked
    desk.wait(1)
    assert desk.leg(PUT).blocked == "the rest of the naked-leg budget is needed for unwinding"


@given(st.floats(5, 300))
def test_what_completing_leaves_of_a_naked_leg_budget_is_enough_for_two_lost_closes(budget: float) -> None:
    spent = completing_seconds(budget)
    assert budget / 4 <= spent <= budget / 2
    assert budget - spent >= min(15.0, budget * 0.75)


def test_it_shrinks_to_the_matched_size_when_the_put_fills_in_part() -> None:
    desk = Desk(order_attempts=1)
    call, put = desk.select()
    desk.fill(call)
    desk.fill(put, 3)
    desk.report(put, Outcome.ACCEPTED, OrderStatus.CANCELLED, filled=3)
    unwind = desk.placed()
    assert [(o.leg, o.purpose, o.size) for o in unwind] == [(CALL, Purpose.UNWIND, 7)]
    desk.fill(unwind[0])
    assert desk.state.phase is Phase.LIVE
    assert [leg.held for leg in desk.state.legs] == [3, 3]


def test_it_gives_up_at_once_when_the_lone_leg_has_more_delta_than_its_budget() -> None:
    desk = Desk(naked_leg_delta_usd=Decimal(50))
    call, put = desk.select()
    desk.accept(put)
    desk.fill(call)
    dollars = naked_delta(desk.state)
    assert dollars is not None
    assert dollars > 50
    assert [cancel.client_order_id for cancel in desk.taken(Cancel)] == [put.client_order_id]
    desk.report(put, Outcome.ACCEPTED, OrderStatus.CANCELLED)
    assert desk.state.phase is Phase.EXITING
    assert desk.state.exit_reason is ExitReason.ENTRY_FAILED
    assert "over its budget of $50" in desk.state.exit_detail
    assert [(o.leg, o.size) for o in desk.placed()] == [(CALL, 10)]


def test_it_keeps_what_is_matched_when_the_surplus_has_more_delta_than_its_budget() -> None:
    desk = Desk(naked_leg_delta_usd=Decimal(50))
    call, put = desk.select()
    desk.accept(put)
    desk.fill(put, 6)
    desk.fill(call)
    desk.report(put, Outcome.ACCEPTED, OrderStatus.CANCELLED, filled=6)
    unwind = desk.placed()
    assert [(o.leg, o.purpose, o.size) for o in unwind] == [(CALL, Purpose.UNWIND, 4)]
    desk.fill(unwind[0])
    assert desk.state.phase is Phase.LIVE
    assert [leg.held for leg in desk.state.legs] == [6, 6]


@pytest.mark.parametrize(("limit", "delta"), [(100_000, 0.15), (1, None)], ids=["enough of it", "no delta is told"])
def test_it_goes_on_with_a_budget_that_is_enough_or_cannot_be_judged(limit: int, delta: float | None) -> None:
    desk = Desk(naked_leg_delta_usd=Decimal(limit))
    call, put = desk.select()
    desk.quote(CALL, delta=delta)
    desk.fill(call)
    assert desk.taken(Cancel) == []
    desk.fill(put)
    assert desk.state.phase is Phase.LIVE


@given(
    st.integers(0, 50), st.integers(0, 50), st.floats(0, 1, allow_nan=False), st.floats(-1, 0), st.integers(1, 200_000)
)
def test_the_naked_delta_is_that_of_the_surplus_alone(
    calls: int, puts: int, call_delta: float, put_delta: float, spot: int
) -> None:
    desk = Desk(quantity=50)
    desk.select()
    desk.quote(CALL, delta=call_delta)
    desk.quote(PUT, delta=put_delta)
    state = replace(desk.state, spot=Decimal(spot))
    held = {CALL: calls, PUT: puts}
    legs = tuple(replace(leg, external=-held[leg.option_type]) for leg in state.legs)
    dollars = naked_delta(replace(state, legs=legs))
    ahead = call_delta if calls > puts else -put_delta
    assert dollars is not None
    assert abs(dollars - abs(calls - puts) * Decimal(str(ahead)) * Decimal("0.001") * spot) < Decimal("1e-9")


def test_it_buys_back_what_an_order_sold_that_was_taken_for_lost() -> None:
    desk = Desk()
    lost = desk.select()
    for order in lost:
        desk.report(order, Outcome.UNKNOWN)
        desk.report(order, Outcome.ABSENT)
    again = desk.placed()
    for order in lost:
        desk.fill(order)
    assert desk.state.phase is Phase.ENTERING
    for order in again:
        desk.fill(order)
    unwinds = desk.placed()
    assert [(o.leg, o.purpose, o.side, o.size) for o in unwinds] == [
        (CALL, Purpose.UNWIND, Side.BUY, 10),
        (PUT, Purpose.UNWIND, Side.BUY, 10),
    ]
    for order in unwinds:
        desk.fill(order)
    assert desk.state.phase is Phase.LIVE
    assert [leg.held for leg in desk.state.legs] == [10, 10]


def test_it_never_sells_below_the_slippage_bound() -> None:
    desk = Desk(max_slippage_pct=Decimal(5))
    call, put = desk.select()
    desk.fill(put)
    desk.quote(CALL, bid=Decimal(1), ask=Decimal(2))
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CANCELLED)
    again = desk.placed()
    reference = desk.leg(CALL).decision_price
    assert reference is not None
    assert again[0].limit_price is not None
    assert again[0].limit_price >= reference * Decimal("0.95")


def test_it_ends_without_an_entry_when_the_window_closes_on_refusals() -> None:
    desk = Desk(entry_window_seconds=60)
    desk.send(Tick(NOW))
    desk.send(ChainRead(NOW, chain()))
    assert desk.state.phase is Phase.SELECTING
    assert desk.state.refusals
    desk.wait(61)
    assert desk.state.phase is Phase.CLOSED
    assert desk.state.exit_reason is ExitReason.NO_ENTRY


def test_it_asks_for_the_chain_again_after_a_failed_read() -> None:
    desk = Desk()
    desk.send(Tick(NOW))
    desk.taken(LoadChain)
    desk.send(ChainRead(NOW, None, error="timed out"))
    desk.wait(6)
    assert desk.taken(LoadChain) == [LoadChain("BTC")]
    desk.send(ChainRead(desk.now, full_chain()))
    assert desk.state.phase in (Phase.ENTERING, Phase.SELECTING)


def test_it_refuses_to_enter_when_the_days_sessions_are_used_up() -> None:
    desk = Desk(max_sessions_per_day=1)
    desk.send(Tick(NOW))
    desk.send(LimitsSeen(NOW, Decimal(0), sessions_today=1))
    desk.send(ChainRead(NOW, full_chain()))
    assert desk.placed() == []
    assert "limit is 1" in desk.state.selection_summary


def test_it_refuses_to_enter_after_the_daily_loss() -> None:
    desk = Desk(daily_loss_limit=Decimal(50))
    desk.send(Tick(NOW))
    desk.send(LimitsSeen(NOW, Decimal(-51), sessions_today=2))
    desk.send(ChainRead(NOW, full_chain()))
    assert desk.placed() == []
    assert "51.00" in desk.state.selection_summary


def test_it_leaves_a_foreign_position_on_its_strike_alone() -> None:
    plain = Desk().live()
    symbol = plain.leg(CALL).instrument.symbol
    desk = Desk()
    for order in desk.select(held=(Position(symbol, -25),)):
        desk.fill(order)
    assert desk.leg(CALL).baseline == -25
    desk.order(Order.STOP)
    assert {o.size for o in desk.placed()} == {10}


def test_it_stops_at_once_while_it_waits() -> None:
    desk = Desk()
    desk.state = SessionState(desk.state.strategy_id, params())
    desk.send(Tick(later(3600 * 5)))
    desk.order(Order.STOP)
    assert desk.state.phase is Phase.CLOSED
    assert desk.state.exit_reason is ExitReason.STOPPED
