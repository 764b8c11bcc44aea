"""Orders that were taken for ended and rest at the venue after all."""

from __future__ import annotations

from trading.strategy.events import Cancel, Query
from trading.strategy.tests.desk import Desk
from trading.strategy.types import OptionType, OrderIntent, OrderStatus, Outcome, Phase

CALL = OptionType.CALL


def forgotten() -> tuple[Desk, OrderIntent]:
    """A live strangle whose first call order was called absent and replaced by a second one."""
    desk = Desk()
    call, put = desk.select()
    desk.report(call, Outcome.UNKNOWN)
    desk.fill(put)
    desk.report(call, Outcome.ABSENT)
    desk.wait(1)
    (again,) = [order for order in desk.placed() if order.leg is CALL]
    desk.fill(again)
    assert desk.state.phase is Phase.LIVE
    desk.taken(Cancel)
    return desk, call


def cancelled(desk: Desk) -> list[str]:
    """Client order ids of the cancellations asked for since the last call."""
    return [action.client_order_id for action in desk.taken(Cancel)]


def test_an_order_accepted_after_it_was_called_absent_is_cancelled_and_said() -> None:
    desk, call = forgotten()
    desk.accept(call)
    assert cancelled(desk) == [call.client_order_id]
    assert call.client_order_id in desk.said("order_revived")[0]
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CANCELLED, venue_order_id="v")
    desk.positions()
    assert desk.state.phase is Phase.LIVE
    assert desk.state.mismatches == 0


def test_one_that_only_the_venues_list_shows_is_cancelled_too_and_again_until_it_is_gone() -> None:
    desk, call = forgotten()
    desk.positions(open_orders=(call.client_order_id,))
    assert cancelled(desk) == [call.client_order_id]
    desk.positions(open_orders=(call.client_order_id,))
    assert cancelled(desk) == []
    desk.wait(2)
    desk.positions(open_orders=(call.client_order_id,))
    assert cancelled(desk) == [call.client_order_id]
    assert len(desk.said("order_revived")) == 1


def test_what_it_sold_meanwhile_is_booked_and_closed_with_the_rest() -> None:
    desk, call = forgotten()
    desk.accept(call)
    desk.fill(call, size=3)
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CANCELLED, filled=3, venue_order_id="v")
    assert desk.leg(CALL).held == 13


def test_a_late_word_on_an_order_that_was_cancelled_or_filled_cancels_nothing() -> None:
    desk = Desk()
    call, put = desk.select()
    for order in (call, put):
        desk.fill(order)
    desk.accept(call)
    assert cancelled(desk) == []


def status(desk: Desk, intent: OrderIntent) -> OrderStatus:
    """What the books say of an order."""
    order = desk.leg(CALL).find(intent.client_order_id)
    assert order is not None
    return order.status


def test_one_called_absent_that_filled_after_all_is_no_longer_rejected_in_the_books() -> None:
    desk, call = forgotten()
    assert status(desk, call) is OrderStatus.REJECTED
    desk.fill(call, size=4)
    desk.fill(call, size=6)
    assert status(desk, call) is OrderStatus.CLOSED


def test_the_venue_is_asked_for_the_end_of_one_that_filled_in_part() -> None:
    desk, call = forgotten()
    desk.taken(Query)
    desk.fill(call, size=3)
    assert [action.client_order_id for action in desk.taken(Query)] == [call.client_order_id]
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CANCELLED, filled=3, venue_order_id="v")
    assert status(desk, call) is OrderStatus.CANCELLED


def test_a_refusal_after_the_end_changes_no_end() -> None:
    desk, call = forgotten()
    desk.fill(call)
    desk.report(call, Outcome.REJECTED, OrderStatus.REJECTED, code="gone")
    assert status(desk, call) is OrderStatus.CLOSED
