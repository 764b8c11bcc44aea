"""The venue's unasked word on a position: a reason to look at once, and nothing more."""

from __future__ import annotations

from dataclasses import replace

from trading.engine.recovery import recover
from trading.strategy.closing import READ_AGAIN_SECONDS
from trading.strategy.events import Order, PositionsChanged, ReadPositions, Tick
from trading.strategy.guarding import GLANCE_SECONDS
from trading.strategy.tests.desk import Desk
from trading.strategy.types import OptionType, OrderStatus, Outcome, Phase


def watched() -> Desk:
    """A live desk that compared itself with the venue a moment ago."""
    desk = Desk().live()
    desk.wait(1)
    desk.positions()
    desk.wait(5)
    desk.taken(ReadPositions)
    return desk


def tell(desk: Desk, size: int) -> None:
    """The venue tells what it holds of the call."""
    desk.send(PositionsChanged(desk.now, desk.leg(OptionType.CALL).instrument.symbol, size))


def test_a_position_that_is_not_the_ledgers_has_positions_read_at_once() -> None:
    desk = watched()
    tell(desk, -7)
    assert len(desk.taken(ReadPositions)) == 1
    assert "tells of -7, the ledger has -10" in desk.said("drift_noticed")[0]


def test_drift_is_put_to_the_operator_within_ten_seconds() -> None:
    desk = watched()
    tell(desk, 0)
    for second in range(10):
        if desk.taken(ReadPositions):
            desk.positions(call=0)
        if desk.state.phase is Phase.ATTENTION:
            assert second < 10
            return
        desk.wait(1)
    raise AssertionError("ten seconds on, nobody was told")


def test_a_position_that_the_stream_keeps_to_itself_is_put_to_the_operator_within_ten_seconds() -> None:
    """The worst case: it changes just after a look, and every answer takes half a second."""
    desk = watched()
    desk.wait(60)
    desk.taken(ReadPositions)
    desk.positions()
    while not desk.taken(ReadPositions):
        desk.wait(0.1)
    desk.positions(whole=False)
    changed = desk.now
    while desk.state.phase is not Phase.ATTENTION:
        desk.wait(0.1)
        for read in desk.taken(ReadPositions):
            desk.wait(0.5)
            desk.positions(call=0, whole=read.whole)
    assert desk.said("drift_noticed")
    assert 6 < (desk.now - changed).total_seconds() <= 10


def test_a_glance_opens_a_doubt_that_only_whole_readings_settle() -> None:
    desk = watched()
    desk.positions(call=0, whole=False)
    assert (desk.state.mismatches, desk.state.phase) == (1, Phase.LIVE)
    assert "venue +0, ledger -10" in desk.said("drift_noticed")[0]
    desk.positions(whole=False)
    assert desk.state.mismatches == 1
    desk.wait(1)
    assert [read.whole for read in desk.taken(ReadPositions)][-1]
    desk.positions()
    assert desk.state.mismatches == 0


def test_a_glance_proves_nothing_flat() -> None:
    desk = watched()
    desk.order(Order.STOP)
    for order in desk.placed():
        desk.fill(order)
    desk.positions(whole=False)
    assert desk.state.phase is Phase.EXITING
    desk.positions()
    assert desk.state.phase is Phase.CLOSED


def test_a_venue_that_does_not_answer_is_not_asked_faster_than_before() -> None:
    desk = watched()
    asked = 0
    for _ in range(20):
        for read in desk.taken(ReadPositions):
            asked += 1
            desk.positions(ok=False, whole=read.whole)
        desk.wait(1)
    assert 6 <= asked <= 11
    assert len(desk.said("positions_unreadable")) == 1


def test_the_position_that_was_expected_changes_nothing() -> None:
    desk = watched()
    before = desk.state
    tell(desk, -10)
    assert desk.state.mismatches == before.mismatches == 0
    assert desk.taken(ReadPositions) == []


def test_a_storm_of_changes_is_not_a_storm_of_reads() -> None:
    desk = watched()
    for size in range(-9, 0):
        tell(desk, size)
    assert len(desk.taken(ReadPositions)) == 1


def test_a_false_alarm_ends_with_the_next_read() -> None:
    desk = watched()
    tell(desk, -7)
    desk.positions()
    assert (desk.state.mismatches, desk.state.phase) == (0, Phase.LIVE)


def test_while_closing_nothing_is_made_of_it() -> None:
    desk = watched()
    desk.order(Order.STOP)
    tell(desk, -7)
    assert desk.said("drift_noticed") == []


def in_one_moment(desk: Desk) -> int:
    """How often positions are asked for while time stands still and every question is answered at once."""
    for count in range(20):
        if not desk.taken(ReadPositions):
            return count
        desk.positions()
        desk.send(Tick(desk.now))
    raise AssertionError("positions are asked for in a circle")


def test_positions_are_not_asked_for_in_a_circle_while_it_is_not_known_what_became_of_an_armed_exit() -> None:
    desk = watched()
    quotes = [leg.quote for leg in desk.state.legs]
    state, _ = recover(desk.state, desk.now)
    legs = tuple(replace(leg, quote=quote) for leg, quote in zip(state.legs, quotes, strict=True))
    desk.state = replace(state, legs=legs)
    assert desk.state.unsettled
    asked = 0
    for _ in range(60):
        desk.wait(1)
        asked += in_one_moment(desk)
    assert 0 < asked <= 60 / GLANCE_SECONDS + 2


def test_positions_are_not_asked_for_in_a_circle_while_closes_are_refused_as_gone() -> None:
    desk = watched()
    desk.order(Order.STOP)
    call, put = desk.placed()
    desk.accept(put)
    asked = 0
    for _ in range(60):
        desk.wait(1)
        for order in (call, *desk.placed()):
            if order.leg is OptionType.CALL:
                desk.report(order, Outcome.REJECTED, OrderStatus.REJECTED, code="no_position_for_reduce_only")
        asked += in_one_moment(desk)
    assert 0 < asked <= 60 / READ_AGAIN_SECONDS + 2
