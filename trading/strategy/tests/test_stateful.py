"""The strategy as a state machine under everything at once: acknowledgements, fills, cancels, refusals and reports of
positions late, lost, repeated and out of order, commands, and deaths of the process between any two of them.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trading.engine.recovery import recover
from trading.strategy.codec import dumps, loads
from trading.strategy.decide import Decision, decide
from trading.strategy.events import (
    ChainRead,
    Commanded,
    Event,
    FetchFills,
    FillSeen,
    LimitsSeen,
    MarketSeen,
    Order,
    OrderReported,
    PositionsChanged,
    PositionsRead,
    QuoteSeen,
    ReadPositions,
    SpotSeen,
    Tick,
)
from trading.strategy.machine import TRANSITIONS
from trading.strategy.state import SessionState
from trading.strategy.tests.counterparty import Counterparty
from trading.strategy.tests.desk import COMMISSION, Desk
from trading.strategy.tests.samples import full_chain
from trading.strategy.tests.test_convergence import check, drain, settled
from trading.strategy.types import (
    ExitReason,
    Fill,
    OptionType,
    OrderReport,
    OrderStatus,
    Outcome,
    Phase,
    Position,
    Side,
)

CHAIN = {row.instrument.symbol: row.quote for row in full_chain().rows}


class MortalDesk(Desk):
    """A desk whose memory is as good as its disk: ``saved`` is what the last durable decision wrote."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(**changes)
        self.saved = self.state

    def send(self, event: Event) -> Decision:
        """Feed one event; remember what a crash would leave."""
        decision = super().send(event)
        if decision.durable:
            self.saved = self.state
        return decision

    def quote(self, kind: OptionType, **changes: Any) -> None:
        """A new quote; the first after a crash is the chain's."""
        leg = self.leg(kind)
        if leg.quote is None:
            self.send(QuoteSeen(self.now, replace(CHAIN[leg.instrument.symbol], at=self.now)))
        super().quote(kind, **changes)

    def crash(self) -> None:
        """The process dies, and another one takes up what is on disk."""
        self.state, actions = recover(loads(SessionState, dumps(self.saved)), self.now)
        self.saved = self.state
        self.actions = [a for a in actions if isinstance(a, FetchFills | ReadPositions)]


class Session(RuleBasedStateMachine):
    """One session; every rule is one thing that may happen next."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = MortalDesk(naked_leg_seconds=6, order_timeout_seconds=2, max_hold_minutes=3)
        self.desk.wait(1)
        self.venue = Counterparty(self.desk, lambda most: 0)

    def _by(self, data: st.DataObject) -> Counterparty:
        self.venue.draw = lambda most: data.draw(st.integers(0, max(most, 0)))
        self.venue.collect()
        return self.venue

    @rule(data=st.data())
    def the_venue_serves_a_request(self, data: st.DataObject) -> None:
        self._by(data).serve_one()

    @rule(data=st.data())
    def a_message_arrives(self, data: st.DataObject) -> None:
        self._by(data).deliver_one()

    @rule(data=st.data())
    def several_messages_arrive(self, data: st.DataObject) -> None:
        for _ in range(3):
            self._by(data).deliver_one()

    @rule(data=st.data())
    def somebody_takes_a_resting_order(self, data: st.DataObject) -> None:
        self._by(data).trade()

    @rule(seconds=st.integers(1, 3))
    def time_passes(self, seconds: int) -> None:
        self.desk.wait(seconds)

    @precondition(lambda self: self.desk.state.legs)
    @rule(kind=st.sampled_from(OptionType))
    def the_venue_tells_of_a_position(self, kind: OptionType) -> None:
        symbol = self.desk.leg(kind).instrument.symbol
        self.venue.wire.append(PositionsChanged(self.desk.now, symbol, self.venue.position[symbol]))

    @rule(order=st.sampled_from([Order.STOP, Order.PANIC]))
    def the_operator_wants_out(self, order: Order) -> None:
        self.desk.order(order)

    @rule(data=st.data())
    def the_process_dies_and_starts_again(self, data: st.DataObject) -> None:
        """What was on its way to the venue arrives or not; no answer finds anybody; the stream begins anew."""
        venue = self._by(data)
        while venue.requests:
            if data.draw(st.booleans(), label="arrives"):
                venue.serve_one()
            else:
                venue.requests.pop()
        venue.wire.clear()
        self.desk.crash()

    @invariant()
    def never_more_than_asked_and_nothing_that_the_venue_did_not_fill(self) -> None:
        check(self.venue)

    def teardown(self) -> None:
        """From here on the venue answers: it ends flat, with every fill booked once."""
        drain(self.venue)
        settled(self.venue)
        assert self.desk.state.exit_reason is not ExitReason.CLOSED_OUTSIDE


TestWhateverHappensItConvergesAndEndsFlat = Session.TestCase
TestWhateverHappensItConvergesAndEndsFlat.settings = settings(
    max_examples=40, stateful_step_count=50, suppress_health_check=list(HealthCheck)
)


def desk_in(phase: Phase) -> Desk:
    """A desk whose session is in this phase."""
    desk = Desk()
    if phase in (Phase.LIVE, Phase.EXITING, Phase.ATTENTION, Phase.CLOSED):
        desk.live()
    elif phase is Phase.ENTERING:
        desk.select()
    elif phase is Phase.SELECTING:
        desk.wait(1)
    if phase in (Phase.EXITING, Phase.CLOSED):
        desk.order(Order.STOP)
    if phase is Phase.CLOSED:
        desk.close_everything()
    if phase is Phase.ATTENTION:
        for _ in range(3):
            desk.positions(call=0)
    if phase is Phase.IDLE:
        desk.state = replace(desk.state, phase=Phase.IDLE)
    assert desk.state.phase is phase
    return desk


def events_at(desk: Desk) -> list[Event]:
    """One event of every kind, about the session's own order where there is one."""
    symbol = next(iter(CHAIN))
    ours = [o.intent.client_order_id for leg in desk.state.legs for o in (*leg.orders, *leg.done)]
    key = ours[0] if ours else "somebody-elses"
    fill = Fill("new", key, "v", symbol, Side.SELL, 1, Decimal(50), COMMISSION, "taker", desk.now)
    reports = [
        OrderReport(key, outcome, status, filled=3)
        for outcome in Outcome
        for status in (None, OrderStatus.OPEN, OrderStatus.CLOSED, OrderStatus.CANCELLED, OrderStatus.REJECTED)
    ]
    return [
        Tick(desk.now),
        QuoteSeen(desk.now, CHAIN[symbol]),
        SpotSeen(desk.now, Decimal(81_000)),
        MarketSeen(desk.now, tuple(CHAIN.values()), Decimal(81_000)),
        ChainRead(desk.now, full_chain()),
        ChainRead(desk.now, None, error="no answer"),
        *(OrderReported(desk.now, report) for report in reports),
        FillSeen(desk.now, fill),
        PositionsRead(desk.now, True, (Position(symbol, -3),)),
        PositionsRead(desk.now, False, error="no answer"),
        PositionsChanged(desk.now, symbol, -3),
        *(Commanded(desk.now, order) for order in Order),
        LimitsSeen(desk.now, Decimal(-5), 2, entries_allowed=False, refusal="locked"),
    ]


def reachable(phase: Phase) -> set[Phase]:
    """Where the table leads from here, in any number of moves."""
    found = {phase}
    while more := {after for (before, _), after in TRANSITIONS.items() if before in found} - found:
        found |= more
    return found


@pytest.mark.parametrize("phase", Phase)
def test_every_event_in_every_phase_is_worked_in_and_leads_only_where_the_table_goes(phase: Phase) -> None:
    for event in events_at(desk_in(phase)):
        desk = desk_in(phase)
        after = decide(desk.state, event)
        assert after.state.phase in reachable(phase), event
        if phase is Phase.CLOSED:
            assert (after.state, after.actions) == (desk.state, ()), event
