"""Whatever the wire does to the messages, the ledger converges to the venue's truth, and every end is flat."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.strategy.decide import decide
from trading.strategy.events import Event, FillSeen, Order, OrderReported
from trading.strategy.state import LegState
from trading.strategy.tests.counterparty import Counterparty
from trading.strategy.tests.desk import COMMISSION, Desk
from trading.strategy.types import ExitReason, Fill, OrderReport, OrderStatus, Outcome, Phase, Purpose, Side

DRAIN_SECONDS = 400


def check(venue: Counterparty) -> None:
    """What holds at every moment: never more than asked outstanding, nothing booked that the venue did not fill."""
    desk = venue.desk
    assert all(0 <= size <= desk.state.params.quantity for size in venue.outstanding().values()), venue.outstanding()
    for leg in desk.state.legs:
        mine = [f for f in venue.fills if f.symbol == leg.instrument.symbol]
        assert set(leg.fill_ids) <= {f.fill_id for f in mine}
        assert leg.entry_size == sum(f.size for f in mine if f.side is Side.SELL and f.fill_id in leg.fill_ids)
        assert leg.exit_size == sum(f.size for f in mine if f.side is Side.BUY and f.fill_id in leg.fill_ids)


def confuse(venue: Counterparty, data: st.DataObject, moves: int) -> None:
    """Let so many things happen, in any order."""
    for _ in range(moves):
        venue.collect()
        match data.draw(st.sampled_from("ssssddddddttw"), label="move"):
            case "s":
                venue.serve_one()
            case "d":
                venue.deliver_one()
            case "t":
                venue.trade()
            case _:
                venue.desk.wait(1)
        check(venue)


def drain(venue: Counterparty) -> None:
    """From now on the venue answers everything at once, and time passes."""
    venue.prompt = True
    for _ in range(DRAIN_SECONDS):
        venue.collect()
        while venue.requests or venue.wire:
            venue.serve_one()
            venue.deliver_one()
            venue.collect()
            check(venue)
        if not venue.desk.state.open:
            return
        venue.desk.wait(1)


def settled(venue: Counterparty) -> None:
    """Flat, closed, and every fill of the venue booked once at its price."""
    state = venue.desk.state
    assert state.phase is Phase.CLOSED, (state.phase, state.attention, state.unsettled)
    assert not +venue.position
    assert not -venue.position
    assert all(order.status is not OrderStatus.OPEN for order in venue.orders.values())
    for leg in state.legs:
        mine = [f for f in venue.fills if f.symbol == leg.instrument.symbol]
        assert sorted(leg.fill_ids) == sorted(f.fill_id for f in mine)
        assert (leg.held, leg.external) == (0, 0)
        assert leg.entry_value == sum(f.price * f.size for f in mine if f.side is Side.SELL)
        assert leg.exit_value == sum(f.price * f.size for f in mine if f.side is Side.BUY)
        assert leg.fees == COMMISSION * len(mine)


def begun(data: st.DataObject) -> Counterparty:
    """A session that is about to ask for its chain."""
    desk = Desk(naked_leg_seconds=data.draw(st.sampled_from([6, 30])), order_timeout_seconds=2, max_hold_minutes=3)
    desk.wait(1)
    return Counterparty(desk, lambda most: data.draw(st.integers(0, max(most, 0))))


@settings(max_examples=60)
@given(data=st.data(), before=st.integers(0, 60), after=st.integers(0, 30))
def test_a_stop_or_panic_at_any_point_ends_flat_once_the_venue_answers(
    data: st.DataObject, before: int, after: int
) -> None:
    venue = begun(data)
    confuse(venue, data, before)
    for order in data.draw(st.lists(st.sampled_from([Order.STOP, Order.PANIC]), min_size=1, max_size=3)):
        venue.desk.order(order)
        check(venue)
        confuse(venue, data, after)
    drain(venue)
    settled(venue)


@settings(max_examples=60)
@given(data=st.data(), moves=st.integers(0, 90))
def test_left_alone_it_converges_to_the_venues_quantity_and_ends_flat(data: st.DataObject, moves: int) -> None:
    venue = begun(data)
    confuse(venue, data, moves)
    drain(venue)
    settled(venue)
    assert venue.desk.state.exit_reason is not ExitReason.CLOSED_OUTSIDE


@settings(max_examples=40)
@given(data=st.data(), moves=st.integers(0, 60))
def test_a_hand_over_at_any_point_leaves_what_the_venue_holds_and_nothing_resting(
    data: st.DataObject, moves: int
) -> None:
    venue = begun(data)
    confuse(venue, data, moves)
    closing = venue.desk.state.exit_reason is not None
    venue.desk.order(Order.HAND_OVER)
    drain(venue)
    if closing:
        settled(venue)
        return
    assert venue.desk.state.exit_reason is ExitReason.HANDED_OVER
    assert {leg.instrument.symbol: -leg.held for leg in venue.desk.state.legs if leg.held} == {
        symbol: size for symbol, size in venue.position.items() if size
    }
    assert all(order.status is not OrderStatus.OPEN for order in venue.orders.values())


def history(desk: Desk, sizes: list[int], cancelled: bool) -> list[Event]:
    """The messages about a call order that filled in these pieces and then ended, in the order they came about."""
    order = desk.select()[0]
    filled = 0
    events: list[Event] = []
    report = OrderReport(order.client_order_id, Outcome.ACCEPTED, OrderStatus.OPEN, venue_order_id="v")
    events.append(OrderReported(desk.now, report))
    for number, size in enumerate(sizes):
        filled += size
        fill = Fill(
            f"f{number}", order.client_order_id, "v", order.symbol, order.side, size, order.limit_price or COMMISSION,
            COMMISSION, "taker", desk.now,
        )  # fmt: skip
        events += [FillSeen(desk.now, fill), OrderReported(desk.now, replace(report, filled=filled))]
    end = OrderStatus.CANCELLED if cancelled else OrderStatus.CLOSED
    return [*events, OrderReported(desk.now, replace(report, filled=filled, status=end))]


def booked(leg: LegState) -> tuple[object, ...]:
    """What the ledger says of a leg's first order."""
    first = next(o for o in (*leg.done, *leg.orders) if o.intent.attempt == 1 and o.intent.purpose is Purpose.ENTRY)
    return leg.entry_size, leg.entry_value, leg.entry_fees, sorted(leg.fill_ids), first.booked, first.settled


@given(
    data=st.data(),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3).filter(lambda sizes: sum(sizes) <= 10),
)
def test_neither_the_order_of_arrival_nor_repetition_matters(data: st.DataObject, sizes: list[int]) -> None:
    tidy, messy = Desk(), Desk()
    cancelled = sum(sizes) < 10
    for event in history(tidy, sizes, cancelled):
        tidy.send(event)
    events = history(messy, sizes, cancelled)
    repeated = data.draw(st.lists(st.sampled_from(events), max_size=4), label="repeated")
    for event in data.draw(st.permutations([*events, *repeated]), label="arrival"):
        messy.send(event)
    assert booked(messy.state.legs[0]) == booked(tidy.state.legs[0])


@settings(max_examples=40)
@given(data=st.data(), moves=st.integers(0, 60))
def test_a_fill_or_report_twice_is_as_good_as_once(data: st.DataObject, moves: int) -> None:
    venue = begun(data)
    confuse(venue, data, moves)
    for event in venue.wire:
        if isinstance(event, FillSeen | OrderReported):
            once = decide(venue.desk.state, event)
            twice = decide(once.state, event)
            ledger = [(leg.entry_size, leg.exit_size, leg.fees, leg.fill_ids) for leg in once.state.legs]
            assert [(leg.entry_size, leg.exit_size, leg.fees, leg.fill_ids) for leg in twice.state.legs] == ledger
