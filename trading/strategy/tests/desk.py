"""A desk for tests of ``decide``: it keeps the state, the clock and the orders that were asked for, and speaks for the
venue.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from trading.strategy.decide import Decision, decide
from trading.strategy.events import (
    Action,
    ChainRead,
    Commanded,
    Event,
    FillSeen,
    FillsRead,
    Journal,
    Order,
    OrderReported,
    Place,
    PositionsRead,
    QuoteSeen,
    SpotSeen,
    Tick,
)
from trading.strategy.state import LegState, SessionState
from trading.strategy.tests.samples import NOW, SPOT, full_chain, later, params
from trading.strategy.types import (
    Chain,
    Fill,
    OptionType,
    OrderIntent,
    OrderReport,
    OrderStatus,
    Outcome,
    Phase,
    Position,
    Purpose,
)

A = TypeVar("A")
COMMISSION = Decimal("0.01")


class Desk:
    """One session under test."""

    def __init__(self, **changes: Any) -> None:
        self.now: datetime = NOW
        self.state = SessionState("delta-strangle-20260904040000", params(**changes), enter_now=True)
        self.actions: list[Action] = []
        self.journal: list[Journal] = []
        self._fills = 0

    def send(self, event: Event) -> Decision:
        """Feed one event and collect what it asked for."""
        decision = decide(self.state, event)
        self.state = decision.state
        self.actions.extend(a for a in decision.actions if not isinstance(a, Journal))
        self.journal.extend(a for a in decision.actions if isinstance(a, Journal))
        return decision

    def taken(self, kind: type[A]) -> list[A]:
        """The actions of one kind asked for since the last call, forgotten afterwards."""
        found: list[A] = [a for a in self.actions if isinstance(a, kind)]
        self.actions = [a for a in self.actions if not isinstance(a, kind)]
        return found

    def placed(self) -> list[OrderIntent]:
        """The orders asked for since the last call."""
        return [a.intent for a in self.taken(Place)]

    def wait(self, seconds: float, *, requote: bool = True) -> None:
        """Let time pass, one look a second, quotes staying fresh unless told otherwise."""
        for _ in range(max(1, round(seconds))):
            self.now = later((self.now - NOW).total_seconds() + min(seconds, 1.0))
            if requote:
                for leg in self.state.legs:
                    self.quote(leg.option_type)
            self.send(Tick(self.now))

    def quote(self, kind: OptionType, **changes: Any) -> None:
        """A new quote of one leg: the old one, changed."""
        leg = self.leg(kind)
        assert leg.quote is not None
        self.send(QuoteSeen(self.now, replace(leg.quote, at=self.now, **changes)))

    def spot(self, price: int) -> None:
        """A new index price."""
        self.send(SpotSeen(self.now, Decimal(price)))

    def leg(self, kind: OptionType) -> LegState:
        """One leg of the state."""
        return next(leg for leg in self.state.legs if leg.option_type is kind)

    def select(self, chain: Chain | None = None, held: tuple[Position, ...] = ()) -> list[OrderIntent]:
        """Open the window, hand the chain over, and return the entry orders."""
        self.send(Tick(self.now))
        self.send(ChainRead(self.now, chain or full_chain(), held))
        return self.placed()

    def report(self, order: OrderIntent, outcome: Outcome, status: OrderStatus | None = None, **facts: Any) -> None:
        """The venue's word on an order."""
        self.send(OrderReported(self.now, OrderReport(order.client_order_id, outcome, status, **facts)))

    def accept(self, order: OrderIntent) -> None:
        """The order rests at the venue."""
        self.report(order, Outcome.ACCEPTED, OrderStatus.OPEN, venue_order_id=f"v-{order.client_order_id}")

    def fill(self, order: OrderIntent, size: int | None = None, price: Decimal | str | None = None) -> Fill:
        """An execution of the order, all of it unless told otherwise; with the last one its end is reported."""
        self._fills += 1
        size = order.size if size is None else size
        leg = self.leg(order.leg)
        paid = Decimal(price) if price is not None else order.limit_price or (leg.quote and leg.quote.ask) or SPOT
        fill = Fill(
            f"f{self._fills}",
            order.client_order_id,
            "",
            order.symbol,
            order.side,
            size,
            paid,
            COMMISSION,
            "taker",
            self.now,
        )
        self.send(FillSeen(self.now, fill))
        if size == order.size:
            self.report(order, Outcome.ACCEPTED, OrderStatus.CLOSED, filled=size, venue_order_id="v")
        return fill

    def positions(
        self, *, ok: bool = True, open_orders: tuple[str, ...] = (), whole: bool = True, **sizes: int
    ) -> None:
        """The venue's positions: as the ledger expects, unless a leg's signed size is given."""
        rows = tuple(
            Position(leg.instrument.symbol, sizes.get(leg.option_type.value, leg.baseline - leg.held))
            for leg in self.state.legs
        )
        error = "" if ok else "the read failed"
        self.send(PositionsRead(self.now, ok, rows if ok else (), open_orders, error, whole=whole))

    def fills_known(self) -> None:
        """The venue has told every fill of the session's orders."""
        orders = (order for leg in self.state.legs for order in (*leg.orders, *leg.done, *leg.stops))
        self.send(FillsRead(self.now, tuple(order.intent.client_order_id for order in orders)))

    def order(self, order: Order) -> None:
        """An operator's command."""
        self.send(Commanded(self.now, order, "tester"))

    def live(self) -> Desk:
        """A desk whose strangle has been sold."""
        for order in self.select():
            self.fill(order)
        assert self.state.phase is Phase.LIVE
        return self

    def said(self, kind: str) -> list[str]:
        """Messages of one kind in the decision feed."""
        return [line.message for line in self.journal if line.kind == kind]

    def close_everything(self) -> None:
        """Fill every closing order until nothing is held, and let the venue agree."""
        for _ in range(20):
            for order in self.placed():
                if order.purpose is not Purpose.ENTRY:
                    self.fill(order)
            if self.state.held == 0 and not self.state.unsettled:
                break
            self.wait(1)
        self.positions()
