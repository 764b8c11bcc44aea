"""The simulated exchange behind the engine's ``Venue`` port, with faults between the two."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from trading.engine.evidence import heard
from trading.engine.ports import Balance, VenueHealth, VenueOrder, VenueUnavailable
from trading.strategy.events import (
    Event,
    FillSeen,
    OrderReported,
    PositionsChanged,
    QuoteSeen,
    ReadSettlements,
    SpotSeen,
)
from trading.strategy.types import (
    ZERO,
    Chain,
    ChainRow,
    Fill,
    OrderIntent,
    OrderReport,
    OrderStatus,
    Outcome,
    Position,
    Quote,
    Settlement,
)
from trading.venues.simulated.clock import ManualClock, from_micros
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.faults import Call, FaultKind, FaultPlan
from trading.venues.simulated.records import (
    ExchangeError,
    FillRecord,
    FillType,
    OrderRecord,
    OrderRequest,
    OrderState,
    StopTerms,
    StopType,
    Truth,
)
from trading.venues.simulated.settlement import settlements

_STATUS = {
    OrderState.OPEN: OrderStatus.OPEN,
    OrderState.PENDING: OrderStatus.OPEN,
    OrderState.CLOSED: OrderStatus.CLOSED,
    OrderState.CANCELLED: OrderStatus.CANCELLED,
}


class SimulatedVenue:
    """One connection to a simulated account. Quotes are taken at the moment of ``poll``, so they are fresh unless a
    fault freezes them.
    """

    def __init__(self, exchange: SimulatedExchange, faults: FaultPlan | None = None) -> None:
        self.exchange = exchange
        self.faults = faults or FaultPlan(exchange.now)
        self._connected = False
        self._cursor: tuple[int, int] | None = None
        self._underlying = ""
        self._symbols: tuple[str, ...] = ()
        self._frozen: dict[str, Quote] = {}
        self._streamed_at: datetime | None = None

    @property
    def name(self) -> str:
        """Short name shown to people."""
        return "simulated"

    def now(self) -> datetime:
        """The venue's clock, aware UTC."""
        return self.exchange.now()

    async def connect(self) -> None:
        """Catch up and start the streams of orders and fills at what is newest now. A reconnect continues where the
        streams were left.
        """
        if self._connected:
            return
        self.exchange.catch_up()
        if self._cursor is None:
            self._cursor = self.exchange.cursor()
        self._connected = True

    async def close(self) -> None:
        """Leave; the account and its clock go on."""
        self._connected = False

    def health(self) -> VenueHealth:
        """Connected unless a disconnect fault is in force now."""
        down = self._is_down()
        return VenueHealth(
            connected=self._connected and not down,
            detail="disconnected by fault" if down else "",
            round_trip_ms=0.0,
            round_trip_p99_ms=0.0,
            quote_age_seconds=self._quote_age(),
            throttled=0,
        )

    def _quote_age(self) -> float | None:
        """Wall seconds since the oldest quote it streams now; only a stale-quote fault makes them old."""
        frozen = self._frozen if self.faults.peek(FaultKind.STALE) is not None else {}
        ages = [(self.now() - frozen[s].at).total_seconds() if s in frozen else 0.0 for s in self._symbols]
        return max(ages) / max(self.exchange.config.speed, 1.0) if ages else None

    def _is_down(self) -> bool:
        return self.faults.peek(FaultKind.DISCONNECT) is not None

    def _read(self) -> None:
        if self.faults.take(FaultKind.DISCONNECT):
            raise VenueUnavailable("the simulated venue is disconnected")

    async def chain(self, underlying: str) -> Chain:
        """All live options of ``underlying`` with quotes, as the faults of the moment show them."""
        self._read()
        await self._slow()
        chain = self.exchange.chain(underlying)
        if self.faults.take(FaultKind.NO_CHAIN):
            return Chain(chain.at, underlying, chain.spot, ())
        if not self.faults.active:
            return chain
        return replace(chain, rows=tuple(ChainRow(row.instrument, self._seen(row.quote)) for row in chain.rows))

    async def watch(self, underlying: str, symbols: Sequence[str]) -> None:
        """Stream exactly these quotes and the index of ``underlying`` from the next poll on."""
        self._underlying = underlying
        self._symbols = tuple(symbols)
        self._frozen = {symbol: quote for symbol, quote in self._frozen.items() if symbol in self._symbols}
        self._streamed_at = None

    async def poll(self) -> list[Event]:
        """Fills and order changes since the last poll, then quotes and index as of now. While disconnected nothing
        comes; it is delivered later.
        """
        if self._cursor is None or not self._connected or self.faults.take(FaultKind.DISCONNECT):
            return []
        now = self.now()
        orders, fills = self.exchange.since(self._cursor)
        events = [event for fill in fills for event in self._fill_events(fill, now)]
        events += [OrderReported(now, report(order)) for order in orders if order.client_order_id]
        events += self._position_events(fills, now)
        self._cursor = (
            orders[-1].sequence if orders else self._cursor[0],
            fills[-1].sequence if fills else self._cursor[1],
        )
        return [*events, *self._market_events(now)]

    def _market_events(self, now: datetime) -> list[Event]:
        """Quotes and index of this moment, once: what a stream has sent it does not send again."""
        if now == self._streamed_at and not self.faults.active:
            return []
        self._streamed_at = now
        frozen = self.faults.take(FaultKind.STALE) is not None
        events: list[Event] = []
        for symbol in self._symbols:
            quote = self._frozen.get(symbol) if frozen else self.exchange.quote(symbol)
            if quote is not None:
                self._frozen[symbol] = quote
                events.append(QuoteSeen(quote.at, self._seen(quote)))
        if not frozen and self._underlying in self.exchange.market.underlyings:
            events.append(SpotSeen(now, self.exchange.market.spot(self._underlying, now)))
        return events

    def _fill_events(self, fill: FillRecord, now: datetime) -> list[Event]:
        if not fill.client_order_id or fill.fill_type is not FillType.NORMAL:
            return []
        call = Call(symbol=fill.symbol, side=fill.side)
        if self.faults.take(FaultKind.LOST_FILL, call):
            return []
        copies = 2 if self.faults.take(FaultKind.DUPLICATE_FILL, call) else 1
        return [FillSeen(now, as_fill(fill)) for _ in range(copies)]

    def _position_events(self, fills: Sequence[FillRecord], now: datetime) -> list[Event]:
        """What is held now of each watched option that was traded, settled or moved, by whomever."""
        touched = {fill.symbol for fill in fills}
        changed = [symbol for symbol in self._symbols if symbol in touched]
        held = {row.symbol: row.size for row in self.exchange.positions()} if changed else {}
        return [PositionsChanged(now, symbol, held.get(symbol, 0)) for symbol in changed]

    def _seen(self, quote: Quote) -> Quote:
        call = Call(symbol=quote.symbol)
        if self.faults.take(FaultKind.NULL_GREEKS, call):
            quote = replace(quote, iv=None, delta=None, gamma=None, theta=None, vega=None)
        if self.faults.take(FaultKind.CROSSED, call):
            quote = replace(quote, bid=quote.ask, bid_size=quote.ask_size, ask=quote.bid, ask_size=quote.bid_size)
        if fault := self.faults.take(FaultKind.ONE_SIDED, call):
            if fault.empty != "bid":
                quote = replace(quote, ask=None, ask_size=0)
            if fault.empty != "ask":
                quote = replace(quote, bid=None, bid_size=0)
        return quote

    async def wait(self, seconds: float) -> None:
        """Sleep ``seconds`` of wall time; under a manual clock only let others run."""
        await asyncio.sleep(0 if isinstance(self.exchange.clock, ManualClock) else seconds)

    async def _slow(self, call: Call | None = None) -> None:
        fault = self.faults.take(FaultKind.SLOW, call)
        if fault is None:
            return
        if isinstance(self.exchange.clock, ManualClock):
            self.exchange.clock.advance(fault.seconds)
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(fault.seconds)

    async def place(self, intent: OrderIntent) -> OrderReport:
        """Send an order once; what happened is in the report."""
        call = Call(intent.symbol, intent.side, intent.purpose, intent.reduce_only)
        await self._slow(call)
        if self.faults.take(FaultKind.DISCONNECT, call) or self.faults.take(FaultKind.TIMEOUT_BEFORE, call):
            return _unknown(intent.client_order_id)
        if refused := self._refused(intent, call):
            return refused
        partial = self.faults.take(FaultKind.PARTIAL, call)
        try:
            order = self.exchange.place(_request(intent), fill_fraction=partial.fraction if partial else 1.0)
        except ExchangeError as error:
            return _rejected(intent.client_order_id, error)
        if self.faults.take(FaultKind.TIMEOUT_AFTER, call):
            return _unknown(intent.client_order_id)
        return report(order)

    def _refused(self, intent: OrderIntent, call: Call) -> OrderReport | None:
        if fault := self.faults.take(FaultKind.REJECT, call):
            return _rejected(intent.client_order_id, ExchangeError(fault.code, "refused by fault"))
        if intent.reduce_only and self.faults.take(FaultKind.REJECT_REDUCE_ONLY, call):
            return _rejected(intent.client_order_id, ExchangeError("no_position_for_reduce_only", "refused by fault"))
        return None

    async def cancel(self, client_order_id: str, venue_order_id: str, product_id: int) -> OrderReport:
        """Cancel an order and report its final state; absent if the venue never had it."""
        if self.faults.take(FaultKind.DISCONNECT):
            return _unknown(client_order_id)
        order_id = int(venue_order_id) if venue_order_id.isdecimal() else None
        try:
            return report(self.exchange.cancel(order_id=order_id, client_order_id=client_order_id))
        except ExchangeError:
            return self._state(self.exchange.find(order_id=order_id, client_order_id=client_order_id), client_order_id)

    async def order(self, client_order_id: str, product_id: int, since: datetime) -> OrderReport:
        """What became of an order. The simulated venue always knows, so absent is conclusive."""
        self._read()
        self.exchange.catch_up()
        return self._state(self.exchange.find(client_order_id=client_order_id), client_order_id)

    def _state(self, order: OrderRecord | None, client_order_id: str) -> OrderReport:
        return OrderReport(client_order_id, Outcome.ABSENT) if order is None else report(order)

    async def fills(self, client_order_ids: Sequence[str], since: datetime) -> list[Fill]:
        """All fills of these orders, whenever they happened."""
        self._read()
        return [as_fill(fill) for fill in self.exchange.fills_of(client_order_ids)]

    async def positions(self, underlying: str = "") -> list[Position]:
        """Everything the account holds, or what it holds of one underlying."""
        self._read()
        if self.faults.take(FaultKind.POSITIONS_FAIL):
            raise VenueUnavailable("positions could not be read")
        held = self.exchange.positions()
        rows = [row for row in held if not underlying or row.symbol.split("-")[1] == underlying]
        heard("positions", str(rows))
        return [Position(row.symbol, row.size, row.entry_price) for row in rows]

    async def open_orders(self) -> list[OrderReport]:
        """Every order resting at the venue, stops that wait for their trigger among them."""
        self._read()
        rows = [*self.exchange.open_orders(), *self.exchange.pending_orders()]
        heard("open orders and stops", str(rows))
        return [report(order) for order in rows]

    async def resting_orders(self) -> list[VenueOrder]:
        """Every order at rest with all that is known of it."""
        self._read()
        return [_venue_order(order) for order in self.exchange.open_orders()]

    async def past_orders(self, since: datetime) -> list[VenueOrder]:
        """Every order that has ended since then."""
        self._read()
        found = (order for order in self.exchange.orders() if not order.active)
        return [_venue_order(order) for order in found if from_micros(order.created_at) >= since]

    async def executions(self, since: datetime) -> list[Fill]:
        """Every fill since then of an order with a client order id."""
        self._read()
        fills = (f for f in self.exchange.fills() if f.client_order_id and f.fill_type is FillType.NORMAL)
        return [as_fill(fill) for fill in fills if from_micros(fill.at) >= since]

    async def settlements(self, asked: ReadSettlements) -> list[Settlement]:
        """What expired options settled at, for the account."""
        self._read()
        if self.faults.take(FaultKind.SETTLEMENT_FAIL):
            raise VenueUnavailable("settlements could not be read")
        if self.faults.take(FaultKind.SETTLEMENT_WITHHELD):
            return []
        return list(settlements(self.exchange, asked))

    async def balance(self) -> Balance:
        """The account's cash."""
        self._read()
        return self.exchange.balance()

    async def margin_required(self, rows: Sequence[ChainRow], size: int) -> Decimal:
        """By the account's margin formula, at the marks of now, beside the shorts already held."""
        self._read()
        held = {row.symbol: min(row.size, 0) for row in self.exchange.positions()}
        short = {row.instrument.symbol: held.get(row.instrument.symbol, 0) for row in rows}
        margin = self.exchange.margin_of
        return sum((margin(symbol, now - size) - margin(symbol, now) for symbol, now in short.items()), ZERO)

    def seed_position(self, symbol: str, size: int, price: Decimal) -> None:
        """Put a foreign position of signed ``size`` into the account, as if traded elsewhere."""
        self.exchange.seed_position(symbol, size, price)

    def truth(self) -> Truth:
        """What the exchange really knows of the account, faults or not."""
        return self.exchange.truth()


def report(order: OrderRecord) -> OrderReport:
    """An accepted order as the engine reads it."""
    return OrderReport(
        client_order_id=order.client_order_id,
        outcome=Outcome.ACCEPTED,
        status=_STATUS[order.state],
        filled=order.filled,
        venue_order_id=str(order.id),
        average_price=order.average_price,
        code=order.reason,
    )


def as_fill(fill: FillRecord) -> Fill:
    """A fill as the engine reads it."""
    return Fill(
        fill_id=fill.id,
        client_order_id=fill.client_order_id,
        venue_order_id=fill.order_id,
        symbol=fill.symbol,
        side=fill.side,
        size=fill.size,
        price=fill.price,
        commission=fill.commission,
        role=fill.role,
        at=from_micros(fill.at),
    )


def _venue_order(order: OrderRecord) -> VenueOrder:
    return VenueOrder(
        client_order_id=order.client_order_id,
        venue_order_id=str(order.id),
        symbol=order.symbol,
        product_id=order.product_id,
        side=order.side,
        size=order.size,
        filled=order.filled,
        status=_STATUS[order.state],
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        limit_price=order.limit_price,
        average_price=order.average_price,
        reduce_only=order.reduce_only,
        created_at=from_micros(order.created_at),
    )


def _request(intent: OrderIntent) -> OrderRequest:
    return OrderRequest(
        symbol=intent.symbol,
        side=intent.side,
        size=intent.size,
        order_type=intent.order_type,
        limit_price=intent.limit_price,
        time_in_force=intent.time_in_force,
        reduce_only=intent.reduce_only,
        client_order_id=intent.client_order_id,
        stop=None if intent.stop_price is None else StopTerms(StopType.LOSS, intent.stop_price),
    )


def _unknown(client_order_id: str) -> OrderReport:
    return OrderReport(client_order_id, Outcome.UNKNOWN, code="timeout", detail="no answer came")


def _rejected(client_order_id: str, error: ExchangeError) -> OrderReport:
    return OrderReport(client_order_id, Outcome.REJECTED, OrderStatus.REJECTED, code=error.code, detail=error.detail)
