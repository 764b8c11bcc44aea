"""A venue for property tests of ``decide``: it has one true history, and tells of it late, twice, out of order or not
at all, as the drawn numbers say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from trading.strategy.events import (
    Action,
    Cancel,
    ChainRead,
    Event,
    FetchFills,
    FillSeen,
    LoadChain,
    OrderReported,
    Place,
    PositionsRead,
    Query,
    ReadPositions,
)
from trading.strategy.tests.desk import COMMISSION, Desk
from trading.strategy.tests.samples import full_chain
from trading.strategy.types import (
    Fill,
    OrderIntent,
    OrderReport,
    OrderStatus,
    Outcome,
    Position,
    Side,
    TimeInForce,
)

Draw = Callable[[int], int]
"""A number from 0 to the argument."""


@dataclass(slots=True)
class Held:
    """One order as the venue has it."""

    intent: OrderIntent
    size: int
    filled: int = 0
    status: OrderStatus = OrderStatus.OPEN

    def report(self) -> OrderReport:
        """What the venue would say of it now."""
        key = self.intent.client_order_id
        return OrderReport(key, Outcome.ACCEPTED, self.status, filled=self.filled, venue_order_id=f"v-{key}")


class Counterparty:
    """The venue and the wire to it. ``draw`` decides; once it is ``prompt`` everything is answered at once."""

    def __init__(self, desk: Desk, draw: Draw) -> None:
        self.desk = desk
        self.draw = draw
        self.prompt = False
        self.orders: dict[str, Held] = {}
        self.fills: list[Fill] = []
        self.position: Counter[str] = Counter()
        self.requests: list[Action] = []
        self.wire: list[Event] = []

    def collect(self) -> None:
        """Take over what the strategy asked for."""
        taken, self.desk.actions = self.desk.actions, []
        self.requests.extend(a for a in taken if isinstance(a, Place | Cancel | Query | FetchFills | ReadPositions))
        if any(isinstance(a, LoadChain) for a in taken):
            self.wire.append(ChainRead(self.desk.now, full_chain()))

    def serve_one(self) -> None:
        """Carry one request out, any of those that wait."""
        if not self.requests:
            return
        request = self.requests.pop(0 if self.prompt else self.draw(len(self.requests) - 1))
        match request:
            case Place():
                self._place(request.intent)
            case Cancel():
                self._cancel(request.client_order_id)
            case Query():
                self._query(request.client_order_id)
            case FetchFills() if self._works():
                self.wire.extend(self._seen(f) for f in self.fills if f.client_order_id in request.client_order_ids)
            case ReadPositions():
                self._positions(request.whole)

    def deliver_one(self) -> None:
        """Let one message arrive, any of those on the wire; now and then it stays there and comes again."""
        if not self.wire:
            return
        index = 0 if self.prompt else self.draw(len(self.wire) - 1)
        event = self.wire[index]
        if self.prompt or self.draw(4):
            self.wire.pop(index)
        self.desk.send(event)

    def trade(self) -> None:
        """Somebody takes a resting order, in part or whole."""
        resting = [order for order in self.orders.values() if order.status is OrderStatus.OPEN]
        if resting:
            order = resting[self.draw(len(resting) - 1)]
            self._fill(order, 1 + self.draw(order.size - order.filled - 1))
            self._tell(order.report())

    def outstanding(self) -> dict[str, int]:
        """Contracts sold and not bought back, plus those that resting sells may still sell."""
        out = Counter({symbol: -size for symbol, size in self.position.items()})
        for order in self.orders.values():
            if order.status is OrderStatus.OPEN and order.intent.side is Side.SELL:
                out[order.intent.symbol] += order.size - order.filled
        return dict(out)

    def _works(self) -> bool:
        return self.prompt or self.draw(3) > 0

    def _place(self, intent: OrderIntent) -> None:
        assert intent.client_order_id not in self.orders, "a client order id was sent twice"
        fate = 0 if self.prompt else self.draw(5)
        if fate == 4:
            self._answer(OrderReport(intent.client_order_id, Outcome.UNKNOWN))
        elif fate == 5 or self._room(intent) == 0:
            code = "unavailable" if fate == 5 else "no_position_for_reduce_only"
            self._answer(OrderReport(intent.client_order_id, Outcome.REJECTED, OrderStatus.REJECTED, code=code))
        else:
            self._accept(intent)

    def _room(self, intent: OrderIntent) -> int:
        return min(intent.size, -self.position[intent.symbol]) if intent.reduce_only else intent.size

    def _accept(self, intent: OrderIntent) -> None:
        order = self.orders[intent.client_order_id] = Held(intent, self._room(intent))
        now = order.size if self.prompt else self.draw(order.size)
        if now:
            self._fill(order, now)
        if order.status is OrderStatus.OPEN and intent.time_in_force is TimeInForce.IOC:
            order.status = OrderStatus.CANCELLED
        self._answer(order.report())

    def _fill(self, order: Held, size: int) -> None:
        intent = order.intent
        size = min(size, self._room(intent)) if intent.reduce_only else size
        if size <= 0:
            order.status = OrderStatus.CANCELLED
            return
        order.filled += size
        self.position[intent.symbol] += size if intent.side is Side.BUY else -size
        price = intent.limit_price or Decimal(50)
        key, number = intent.client_order_id, f"f{len(self.fills)}"
        fill = Fill(number, key, "", intent.symbol, intent.side, size, price, COMMISSION, "taker", self.desk.now)
        self.fills.append(fill)
        if order.filled == order.size:
            order.status = OrderStatus.CLOSED
        if self._works():
            self.wire.append(self._seen(fill))

    def _cancel(self, key: str) -> None:
        order = self.orders.get(key)
        if order is not None and order.status is OrderStatus.OPEN:
            order.status = OrderStatus.CANCELLED
        self._query(key)

    def _query(self, key: str) -> None:
        order = self.orders.get(key)
        if any(isinstance(r, Place) and r.intent.client_order_id == key for r in self.requests):
            self._tell(OrderReport(key, Outcome.UNKNOWN))
        else:
            self._answer(order.report() if order is not None else OrderReport(key, Outcome.ABSENT))

    def _positions(self, whole: bool) -> None:
        if not self._works():
            self.wire.append(PositionsRead(self.desk.now, ok=False, error="no answer", whole=whole))
            return
        rows = tuple(Position(symbol, size) for symbol, size in self.position.items() if size)
        resting = tuple(key for key, order in self.orders.items() if order.status is OrderStatus.OPEN)
        self.wire.append(PositionsRead(self.desk.now, True, rows, resting if whole else (), whole=whole))

    def _answer(self, report: OrderReport) -> None:
        self._tell(report if self._works() else OrderReport(report.client_order_id, Outcome.UNKNOWN))

    def _tell(self, report: OrderReport) -> None:
        self.wire.append(OrderReported(self.desk.now, report))

    def _seen(self, fill: Fill) -> FillSeen:
        return FillSeen(self.desk.now, fill)
