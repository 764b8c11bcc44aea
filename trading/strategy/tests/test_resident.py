"""Stops resident at the venue, as the strategy sees them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from trading.engine.recovery import recover
from trading.strategy.codec import dumps, loads
from trading.strategy.events import Cancel, FetchFills, Order, Place, Query, ReadPositions
from trading.strategy.resident import STOP_TRIES
from trading.strategy.state import SessionState
from trading.strategy.tests.desk import Desk
from trading.strategy.types import (
    ExitReason,
    OptionType,
    OrderIntent,
    OrderStatus,
    OrderType,
    Outcome,
    Phase,
    Purpose,
    Side,
)

CALL, PUT = OptionType.CALL, OptionType.PUT
TRIPLE = Decimal(3)


def desk_with_stops(**changes: object) -> tuple[Desk, OrderIntent, OrderIntent]:
    """A live strangle whose two stops rest at the venue."""
    desk = Desk(venue_stop_multiple=TRIPLE, **changes).live()
    call, put = stops_of(desk)
    for order in (call, put):
        desk.accept(order)
    return desk, call, put


def stops_of(desk: Desk) -> list[OrderIntent]:
    """The stops that were asked for since the last call."""
    return [intent for intent in desk.placed() if intent.purpose is Purpose.STOP]


def exits_of(desk: Desk) -> list[OrderIntent]:
    """The closing orders that were asked for since the last call."""
    return [intent for intent in desk.placed() if intent.purpose is Purpose.EXIT]


def cancelled(desk: Desk) -> set[str]:
    """Client order ids of the cancellations asked for since the last call."""
    return {action.client_order_id for action in desk.taken(Cancel)}


def test_once_live_each_leg_has_one_reduce_only_stop_of_exactly_its_size() -> None:
    desk = Desk(venue_stop_multiple=TRIPLE).live()
    for order, leg in zip(stops_of(desk), desk.state.legs, strict=True):
        assert leg.entry_price is not None
        assert order.stop_price == (leg.entry_price * 3).quantize(Decimal("0.1"))
        assert (order.side, order.size, order.reduce_only) == (Side.BUY, leg.held, True)
        assert (order.order_type, order.limit_price) == (OrderType.MARKET, None)
        assert order.client_order_id.endswith(f"-{leg.option_type.code}-s1")
    desk.wait(300)
    assert [o for o in desk.placed() if o.purpose is Purpose.STOP] == []


def test_without_the_setting_there_is_none() -> None:
    desk = Desk().live()
    desk.wait(60)
    assert stops_of(desk) == []


def test_a_trigger_between_two_ticks_goes_to_the_wider_one() -> None:
    desk = Desk(venue_stop_multiple=Decimal("2.333")).live()
    for order, leg in zip(stops_of(desk), desk.state.legs, strict=True):
        assert order.stop_price is not None
        assert leg.entry_price is not None
        assert order.stop_price % leg.instrument.tick_size == 0
        assert 0 <= order.stop_price - leg.entry_price * Decimal("2.333") < leg.instrument.tick_size


def test_resting_stops_neither_time_out_nor_disturb_the_comparison_with_the_venue() -> None:
    desk, call, put = desk_with_stops()
    desk.wait(120)
    assert cancelled(desk) == set()
    assert desk.taken(ReadPositions)
    desk.positions(open_orders=(call.client_order_id, put.client_order_id))
    assert desk.state.mismatches == 0
    assert desk.state.phase is Phase.LIVE
    desk.positions(open_orders=(call.client_order_id, put.client_order_id, "ds20260904040000-CE-x9"))
    assert desk.state.mismatches == 1


def test_an_exit_does_not_wait_for_the_stops_and_they_are_cancelled_once_flat() -> None:
    desk, call, put = desk_with_stops()
    desk.order(Order.STOP)
    exits = exits_of(desk)
    assert {order.leg for order in exits} == {CALL, PUT}
    assert cancelled(desk) == set()
    desk.fill(exits[0])
    desk.fill(exits[1])
    assert cancelled(desk) == {call.client_order_id, put.client_order_id}
    desk.taken(ReadPositions)
    desk.wait(3)
    assert desk.taken(ReadPositions) == []
    for order in (call, put):
        desk.report(order, Outcome.ACCEPTED, OrderStatus.CANCELLED)
    assert desk.taken(ReadPositions)
    desk.positions()
    assert desk.state.phase is Phase.CLOSED
    assert "no stop" in desk.said("proof_of_flat")[0]


def test_a_read_that_shows_a_stop_is_not_a_proof_of_flat() -> None:
    desk, call, put = desk_with_stops()
    desk.order(Order.STOP)
    for order in exits_of(desk):
        desk.fill(order)
    desk.report(put, Outcome.ACCEPTED, OrderStatus.CANCELLED)
    desk.positions(open_orders=(call.client_order_id,))
    assert desk.state.phase is Phase.EXITING
    assert desk.said("proof_of_flat") == []


def test_a_stop_that_cannot_be_cancelled_asks_for_attention_and_is_tried_on() -> None:
    desk, call, _ = desk_with_stops()
    desk.order(Order.STOP)
    for order in exits_of(desk):
        desk.fill(order)
    desk.wait(70)
    assert desk.state.phase is Phase.ATTENTION
    assert "could not be cancelled" in desk.state.attention
    desk.taken(Cancel)
    desk.wait(2)
    assert call.client_order_id in cancelled(desk)


@pytest.mark.parametrize("report_first", [True, False])
def test_a_fired_stop_is_booked_to_its_leg_and_the_other_leg_closes(report_first: bool) -> None:
    desk, call, put = desk_with_stops()
    if report_first:
        desk.report(call, Outcome.ACCEPTED, OrderStatus.CLOSED, filled=10, venue_order_id="v")
    desk.fill(call, price="400")
    assert desk.leg(CALL).held == 0
    assert desk.leg(CALL).exit_price == Decimal(400)
    assert desk.state.exit_reason is ExitReason.LEG_STOP
    assert f"the call's stop at the venue fired at {call.stop_price}" in desk.said("exit_decided")[0]
    (other,) = exits_of(desk)
    assert other.leg is PUT
    desk.fill(other)
    desk.report(put, Outcome.ACCEPTED, OrderStatus.CANCELLED)
    desk.positions()
    assert desk.state.phase is Phase.CLOSED


def test_no_exit_is_sent_for_a_leg_whose_fired_stop_still_owes_its_fills() -> None:
    desk, call, _ = desk_with_stops()
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CLOSED, filled=10, venue_order_id="v")
    desk.wait(5)
    assert CALL not in {order.leg for order in exits_of(desk)}
    assert any(call.client_order_id in action.client_order_ids for action in desk.taken(FetchFills))


def test_what_a_stop_could_not_buy_back_is_bought_by_an_exit() -> None:
    desk, call, _ = desk_with_stops()
    desk.fill(call, size=4, price="400")
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CANCELLED, filled=4, venue_order_id="v")
    sizes = {order.leg: order.size for order in exits_of(desk)}
    assert sizes == {CALL: 6, PUT: 10}


def test_both_stops_may_fire_and_the_session_ends_flat_without_an_order_of_its_own() -> None:
    desk, call, put = desk_with_stops()
    desk.fill(call, price="400")
    exits_of(desk)
    desk.fill(put, price="410")
    assert desk.state.held == 0
    desk.wait(1)
    assert exits_of(desk) == []


def test_a_refused_stop_is_said_and_tried_a_bounded_number_of_times_while_trading_goes_on() -> None:
    desk = Desk(venue_stop_multiple=TRIPLE).live()
    seen: list[str] = []
    for _ in range(2000):
        for order in stops_of(desk):
            if order.leg is CALL:
                seen.append(order.client_order_id)
                desk.report(order, Outcome.REJECTED, code="unavailable", detail="no stops today")
            else:
                desk.accept(order)
        desk.wait(1)
        if len(seen) == STOP_TRIES and desk.state.phase is not Phase.LIVE:
            break
    assert len(seen) == len(set(seen)) == STOP_TRIES
    assert desk.state.phase is Phase.LIVE
    lines = [line for line in desk.journal if line.kind == "stop_lost"]
    assert [line.level for line in lines] == ["warning"] * (STOP_TRIES - 2) + ["error"]
    assert all("no stops today" in line.message for line in lines)
    assert "last time" in lines[-1].message
    desk.order(Order.STOP)
    assert {order.leg for order in exits_of(desk)} == {CALL, PUT}


def test_a_stop_that_vanished_is_placed_again_under_a_new_name() -> None:
    desk, call, _ = desk_with_stops()
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CANCELLED, code="cancelled_by_heartbeat")
    desk.wait(5)
    (again,) = stops_of(desk)
    assert again.client_order_id == call.client_order_id.replace("-s1", "-s2")
    assert "cancelled_by_heartbeat" in desk.said("stop_lost")[0]


def test_a_stop_of_which_nothing_is_known_is_asked_after_and_not_doubled() -> None:
    desk = Desk(venue_stop_multiple=TRIPLE).live()
    call, put = stops_of(desk)
    desk.accept(put)
    desk.report(call, Outcome.UNKNOWN)
    desk.wait(3)
    assert {query.client_order_id for query in desk.taken(Query)} == {call.client_order_id}
    assert stops_of(desk) == []
    desk.report(call, Outcome.ABSENT)
    desk.wait(3)
    assert [order.client_order_id for order in stops_of(desk)] == [call.client_order_id.replace("-s1", "-s2")]


def test_a_stop_that_the_venue_does_not_list_is_asked_after() -> None:
    desk, call, put = desk_with_stops()
    desk.wait(40)
    desk.taken(Query)
    desk.positions(open_orders=(put.client_order_id,))
    assert [query.client_order_id for query in desk.taken(Query)] == [call.client_order_id]


def test_handing_over_takes_the_stops_along() -> None:
    desk, call, put = desk_with_stops()
    desk.order(Order.HAND_OVER)
    assert cancelled(desk) == {call.client_order_id, put.client_order_id}
    assert desk.state.phase is Phase.EXITING
    for order in (call, put):
        desk.report(order, Outcome.ACCEPTED, OrderStatus.CANCELLED)
    assert desk.state.exit_reason is ExitReason.HANDED_OVER
    assert desk.state.phase is Phase.CLOSED


def test_a_stop_of_another_size_than_what_is_held_is_replaced() -> None:
    desk, call, _ = desk_with_stops()
    leg = desk.leg(CALL)
    desk.state = desk.state.with_leg(replace(leg, adopted=5, adopted_value=Decimal(500)))
    desk.wait(1)
    assert cancelled(desk) == {call.client_order_id}
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CANCELLED)
    (again,) = stops_of(desk)
    assert again.size == 15
    assert desk.said("stop_lost") == []


def test_after_a_crash_resting_stops_are_asked_after_and_stay() -> None:
    desk, call, put = desk_with_stops()
    resumed, actions = recover(loads(SessionState, dumps(desk.state)), desk.now)
    assert {order.status for order in resumed.stops} == {OrderStatus.UNKNOWN}
    (fetched,) = [action for action in actions if isinstance(action, FetchFills)]
    assert {call.client_order_id, put.client_order_id} <= set(fetched.client_order_ids)
    desk.state = resumed
    desk.wait(2, requote=False)
    assert {call.client_order_id, put.client_order_id} <= {query.client_order_id for query in desk.taken(Query)}
    for order in (call, put):
        desk.accept(order)
    desk.taken(Place)
    desk.wait(30, requote=False)
    assert stops_of(desk) == []
    assert {order.status for order in desk.state.stops} == {OrderStatus.OPEN}


def test_a_stop_that_fired_while_nobody_ran_is_found_and_the_other_leg_closes() -> None:
    desk, call, _ = desk_with_stops()
    desk.state, _ = recover(desk.state, desk.now)
    desk.fill(call, price="400")
    desk.wait(1, requote=False)
    assert desk.state.exit_reason is ExitReason.LEG_STOP
    assert desk.leg(CALL).held == 0
