"""Closes in the worst of company: foreign positions on our strikes, orders denied and there after all, answers that
never come.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from trading.engine.recovery import recover
from trading.strategy.codec import dumps, loads
from trading.strategy.events import (
    Cancel,
    FetchFills,
    FillsRead,
    Order,
    OrderReported,
    PositionsRead,
    Query,
    QuoteSeen,
    ReadPositions,
)
from trading.strategy.orders import ASKS_BEFORE_DOUBT
from trading.strategy.state import ABSENCES, SessionState
from trading.strategy.tests.desk import Desk
from trading.strategy.types import (
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
CANCELLED = OrderStatus.CANCELLED


def beside(*, call: int = 0, put: int = 0, **changes: object) -> Desk:
    """A live strangle on strikes where the account held these contracts before."""
    probe = Desk()
    probe.select()
    foreign = {CALL: call, PUT: put}
    held = [Position(leg.instrument.symbol, foreign[leg.option_type]) for leg in probe.state.legs]
    desk = Desk(**changes)
    for order in desk.select(held=tuple(position for position in held if position.size)):
        desk.fill(order)
    assert desk.state.phase is Phase.LIVE
    return desk


def account(desk: Desk, *, call: int, put: int, resting: tuple[str, ...] = ()) -> None:
    """Answer what was asked of the account: these contracts, and every fill of ours is known."""
    sizes = {CALL: call, PUT: put}
    for ask in desk.taken(FetchFills):
        desk.send(FillsRead(desk.now, ask.client_order_ids))
    for read in desk.taken(ReadPositions):
        rows = tuple(Position(leg.instrument.symbol, sizes[leg.option_type]) for leg in desk.state.legs)
        desk.send(PositionsRead(desk.now, True, rows, resting if read.whole else (), whole=read.whole))


def until_closed(desk: Desk, *, call: int = 0, put: int = 0, seconds: int = 600) -> None:
    """Let time pass, the account showing these contracts, until the session is over."""
    for _ in range(seconds):
        if desk.state.phase is Phase.CLOSED:
            return
        desk.wait(1)
        account(desk, call=call, put=put)
    raise AssertionError(f"{desk.state.phase} after {seconds} s: {desk.state.attention}")


def restarted(desk: Desk) -> None:
    """The worker dies and is started again; the options are quoted again."""
    quotes = [leg.quote for leg in desk.state.legs]
    desk.state, _ = recover(loads(SessionState, dumps(desk.state)), desk.now)
    for quote in quotes:
        assert quote is not None
        desk.send(QuoteSeen(desk.now, replace(quote, at=desk.now)))


def denied(desk: Desk, client_order_id: str) -> None:
    """The venue never had that order."""
    desk.send(OrderReported(desk.now, OrderReport(client_order_id, Outcome.ABSENT)))


def deny_what_is_asked(desk: Desk) -> None:
    """The venue never had any order that is asked about or to be cancelled."""
    asked = [query.client_order_id for query in desk.taken(Query)]
    asked += [cancel.client_order_id for cancel in desk.taken(Cancel)]
    for client_order_id in asked:
        denied(desk, client_order_id)


def test_an_exit_and_a_stop_that_both_fill_beside_a_foreign_short_are_told_and_the_session_ends() -> None:
    desk = beside(call=-5, venue_stop_multiple=Decimal(3))
    desk.wait(1)
    stops = {order.leg: order for order in desk.placed() if order.purpose is Purpose.STOP}
    for stop in stops.values():
        desk.accept(stop)
    desk.order(Order.STOP)
    for order in desk.placed():
        desk.fill(order)
    desk.fill(stops[CALL], size=5)
    desk.report(stops[CALL], Outcome.ACCEPTED, CANCELLED, filled=5, venue_order_id="v")
    desk.report(stops[PUT], Outcome.ACCEPTED, CANCELLED, venue_order_id="v")
    assert "5 of" in desk.said("overbought")[0]
    until_closed(desk)
    assert desk.leg(CALL).held == 0
    bought = desk.leg(CALL).exit_value
    assert desk.leg(CALL).realised == (desk.leg(CALL).entry_value - bought) * desk.leg(CALL).instrument.contract_value


def test_flat_is_proven_leg_by_leg_and_not_by_a_sum() -> None:
    desk = beside(put=-5)
    desk.order(Order.STOP)
    call, put = desk.placed()
    desk.report(put, Outcome.UNKNOWN)
    desk.report(put, Outcome.ABSENT)
    desk.fill(call, size=5)
    desk.report(call, Outcome.ACCEPTED, CANCELLED, filled=5, venue_order_id="v")
    desk.wait(1)
    (again,) = [order for order in desk.placed() if order.leg is PUT]
    desk.fill(again)
    desk.fill(put, size=5)
    desk.report(put, Outcome.ACCEPTED, CANCELLED, filled=5, venue_order_id="v")
    for _ in range(20):
        desk.wait(1)
        account(desk, call=-5, put=0)
        assert desk.state.phase is not Phase.CLOSED
    assert desk.said("proof_of_flat") == []


def test_a_fill_told_after_its_contracts_were_taken_for_gone_explains_them() -> None:
    desk = Desk().live()
    desk.order(Order.STOP)
    call, put = desk.placed()
    desk.fill(put)
    desk.report(call, Outcome.UNKNOWN)
    desk.report(call, Outcome.ABSENT)
    for _ in range(12):
        desk.wait(1)
        for order in desk.placed():
            desk.report(order, Outcome.REJECTED, OrderStatus.REJECTED, code="no_position_for_reduce_only")
        account(desk, call=0, put=0)
        if desk.leg(CALL).external:
            break
    assert desk.leg(CALL).external == 10
    if desk.state.phase is not Phase.CLOSED:
        desk.fill(call)
        assert (desk.leg(CALL).external, desk.leg(CALL).net) == (0, 0)
        until_closed(desk)


def test_an_accepted_order_that_the_venue_denies_again_and_again_is_given_up_and_the_close_goes_on() -> None:
    desk = Desk().live()
    for kind in (CALL, PUT):
        desk.quote(kind, ask=None, ask_size=0)
    desk.order(Order.STOP)
    call, put = desk.placed()
    desk.fill(put)
    desk.accept(call)
    seconds = 0
    while not desk.placed():
        desk.wait(1)
        seconds += 1
        deny_what_is_asked(desk)
    assert ABSENCES <= seconds < 2 * ABSENCES + 10
    order = desk.leg(CALL).find(call.client_order_id)
    assert order is not None
    assert order.status is CANCELLED


def test_stops_of_which_a_new_paper_account_knows_nothing_do_not_keep_a_session_open() -> None:
    desk = Desk(venue_stop_multiple=Decimal(3)).live()
    desk.wait(1)
    for order in desk.placed():
        desk.accept(order)
    restarted(desk)
    desk.order(Order.PANIC)
    for _ in range(120):
        deny_what_is_asked(desk)
        for order in desk.placed():
            desk.report(order, Outcome.REJECTED, OrderStatus.REJECTED, code="no_position_for_reduce_only")
        account(desk, call=0, put=0)
        desk.wait(1)
    assert desk.state.phase is Phase.CLOSED


def test_a_close_whose_fills_are_never_told_is_put_to_the_operator_and_asked_after_less_often() -> None:
    desk = Desk().live()
    desk.order(Order.STOP)
    call, put = desk.placed()
    desk.fill(put)
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CLOSED, filled=10, venue_order_id="v")
    asked = 0
    for _ in range(600):
        desk.wait(1)
        for ask in desk.taken(FetchFills):
            asked += 1
            desk.send(FillsRead(desk.now, ask.client_order_ids))
    assert "its fills are not told" in desk.state.attention
    assert len(desk.said("attention")) == 1
    assert asked < ASKS_BEFORE_DOUBT + 600 / 4


def test_a_cancel_that_is_never_answered_does_not_flood_the_feed() -> None:
    desk = Desk().live()
    for kind in (CALL, PUT):
        desk.quote(kind, ask=None, ask_size=0)
    desk.order(Order.STOP)
    orders = desk.placed()
    for order in orders:
        desk.accept(order)
    before = len(desk.journal)
    for _ in range(300):
        desk.wait(1)
        for cancel in desk.taken(Cancel):
            desk.send(OrderReported(desk.now, OrderReport(cancel.client_order_id, Outcome.UNKNOWN, detail="timeout")))
        for ask in desk.taken(Query):
            resting = OrderReport(ask.client_order_id, Outcome.ACCEPTED, OrderStatus.OPEN, venue_order_id="v")
            desk.send(OrderReported(desk.now, resting))
    assert len(desk.journal) - before <= 2 * len(orders)
    assert desk.state.attention


def suspect(desk: Desk) -> OrderIntent:
    """A restart of a live session; the venue denies its armed closes. The call's."""
    desk.wait(1)
    armed = desk.leg(CALL).armed
    assert armed is not None
    restarted(desk)
    for leg in desk.state.legs:
        for order in leg.orders:
            denied(desk, order.intent.client_order_id)
    return armed


def test_an_armed_close_that_was_denied_and_rests_after_all_is_cancelled() -> None:
    desk = Desk().live()
    armed = suspect(desk)
    desk.taken(Cancel)
    desk.accept(armed)
    assert armed.client_order_id in [cancel.client_order_id for cancel in desk.taken(Cancel)]


def test_the_fill_of_an_armed_close_that_was_denied_is_booked() -> None:
    desk = Desk().live()
    armed = suspect(desk)
    desk.fill(armed, price="50")
    assert (desk.leg(CALL).exit_size, desk.leg(CALL).held) == (10, 0)


def test_a_close_that_cannot_be_done_is_put_to_the_operator_however_many_tries_the_entry_had_used_up() -> None:
    desk = Desk()
    call, put = desk.select()
    desk.fill(call)
    desk.fill(put, 4)
    desk.report(put, Outcome.ACCEPTED, CANCELLED, filled=4, venue_order_id="v")
    for _ in range(300):
        for order in desk.placed():
            if order.purpose is Purpose.ENTRY:
                desk.report(order, Outcome.REJECTED, OrderStatus.REJECTED, code="insufficient_margin")
            elif order.leg is PUT:
                desk.fill(order)
            else:
                desk.report(order, Outcome.ACCEPTED, CANCELLED, filled=0, venue_order_id="v-c")
        if desk.taken(ReadPositions):
            desk.positions()
        desk.wait(1)
    assert "could not be closed" in desk.state.attention


@pytest.mark.parametrize("failing", [1, 2])
def test_readings_that_fail_are_no_evidence_that_contracts_are_gone(failing: int) -> None:
    desk = Desk().live()
    desk.order(Order.STOP)
    call, put = desk.placed()
    desk.fill(put)
    desk.report(call, Outcome.REJECTED, OrderStatus.REJECTED, code="no_position_for_reduce_only")
    differed = 0
    for _ in range(60):
        for ask in desk.taken(FetchFills):
            desk.send(FillsRead(desk.now, ask.client_order_ids))
        for _read in desk.taken(ReadPositions):
            if failing:
                failing -= 1
                desk.positions(ok=False)
            else:
                differed += 1
                desk.positions(call=0)
        if desk.leg(CALL).external:
            break
        desk.wait(1)
    assert differed >= 3
