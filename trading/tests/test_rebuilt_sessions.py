"""Sessions rebuilt from a venue's record, in the middle of something. Pure: no database."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from trading.engine.ports import VenueOrder
from trading.engine.rebuild import rebuild, trails
from trading.strategy.events import QuoteSeen
from trading.strategy.tests.desk import Desk
from trading.strategy.tests.samples import params
from trading.strategy.types import ExitReason, Fill, OptionType, OrderStatus, Outcome, Phase

CALL = OptionType.CALL
STOPS = {"venue_stop_multiple": Decimal(3)}


def remembered(desk: Desk) -> list[VenueOrder]:
    """Every order of the session, as the venue lists it."""
    return [
        VenueOrder(
            order.intent.client_order_id,
            "v",
            order.intent.symbol,
            order.intent.product_id,
            order.intent.side,
            order.intent.size,
            order.booked,
            order.status,
            order.intent.order_type,
            order.intent.time_in_force,
            order.intent.limit_price,
            order.average_price,
            order.intent.reduce_only,
            order.sent_at,
        )
        for leg in desk.state.legs
        for order in (*leg.done, *leg.orders, *leg.stops)
    ]


def brought_back(desk: Desk, fills: list[Fill], *, held: int = 0, **changes: Decimal) -> Desk:
    """A desk that goes on with what was rebuilt from the venue's record of another; ``held`` contracts a leg there."""
    (trail,) = trails(remembered(desk), fills)
    listed = {leg.instrument.symbol: leg.instrument for leg in desk.state.legs}
    again = Desk(**changes)
    again.now = desk.now
    again.state = rebuild(trail, params(**changes), listed, dict.fromkeys(listed, -held), at=desk.now)
    for leg in desk.state.legs:
        assert leg.quote is not None
        again.send(QuoteSeen(again.now, replace(leg.quote, at=again.now)))
    return again


def test_the_id_of_a_stop_that_the_venue_has_seen_is_not_used_again() -> None:
    desk = Desk(**STOPS)
    fills = [desk.fill(order) for order in desk.select()]
    desk.wait(1)
    stops = desk.placed()
    for stop in stops:
        desk.accept(stop)
        desk.report(stop, Outcome.ACCEPTED, OrderStatus.CANCELLED, venue_order_id="v")
    again = brought_back(desk, fills, held=10, **STOPS)
    again.wait(1)
    assert again.state.phase is Phase.LIVE
    sent = {order.client_order_id for order in again.placed()}
    assert sent
    assert not sent & {stop.client_order_id for stop in stops}


def test_a_session_whose_entry_was_under_way_is_closed_and_not_taken_for_live() -> None:
    desk = Desk()
    call, put = desk.select()
    desk.accept(call)
    desk.accept(put)
    again = brought_back(desk, [])
    assert (again.state.phase, again.state.exit_reason) == (Phase.ATTENTION, ExitReason.ENTRY_FAILED)
    assert "entry was under way" in again.state.attention
    again.fill(call)
    again.wait(1)
    assert [(order.leg, order.size, order.reduce_only) for order in again.placed()] == [(CALL, 10, True)]
