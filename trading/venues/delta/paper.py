"""A small account in memory whose orders trade against the real book's best prices. Nothing leaves this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from trading.engine.ports import Balance
from trading.strategy.events import FillSeen, OrderReported
from trading.strategy.fees import option_fee
from trading.strategy.types import (
    ZERO,
    ChainRow,
    Fill,
    Instrument,
    OptionType,
    OrderIntent,
    OrderReport,
    OrderStatus,
    OrderType,
    Outcome,
    Position,
    Quote,
    Settlement,
    Side,
    TimeInForce,
)
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.inbox import Inbox
from trading.venues.delta.market import Market

STALE_SECONDS = 30.0
MARGIN_RATE = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class PaperOrder:
    """An order of the paper account; ``value`` is Σ price × contracts of its fills. A stop trades once it ``fired``."""

    intent: OrderIntent
    order_id: str
    status: OrderStatus = OrderStatus.OPEN
    filled: int = 0
    value: Decimal = ZERO
    code: str = ""
    fired: bool = False

    @property
    def waits(self) -> bool:
        """A stop that has not come to life."""
        return self.intent.stop_price is not None and not self.fired and self.status is OrderStatus.OPEN

    @property
    def report(self) -> OrderReport:
        """The order as the engine reads it."""
        return OrderReport(
            client_order_id=self.intent.client_order_id,
            outcome=Outcome.ACCEPTED,
            status=self.status,
            filled=self.filled,
            venue_order_id=self.order_id,
            average_price=self.value / self.filled if self.filled else None,
            code=self.code,
        )


@dataclass(frozen=True, slots=True)
class Holding:
    """Signed contracts of one option and the average price they were opened at."""

    option: Instrument
    size: int
    price: Decimal


class PaperAccount:
    """Orders, fills, positions and cash. Each quote's size can be taken once; a book older than 30 s trades nothing."""

    def __init__(self, market: Market, inbox: Inbox, now: Callable[[], datetime], cash: Decimal) -> None:
        self.cash = cash
        self.settled: dict[str, Settlement] = {}
        self._market = market
        self._inbox = inbox
        self._now = now
        self._orders: dict[str, PaperOrder] = {}
        self._fills: list[Fill] = []
        self._held: dict[str, Holding] = {}
        self._taken: dict[tuple[str, Side], tuple[datetime, int]] = {}

    def place(self, intent: OrderIntent) -> OrderReport:
        """Take an order in and trade what the book allows now."""
        option = self._market.products.get(intent.symbol)
        if refusal := self._refusal(intent, option):
            error = DeltaError(refusal)
            return OrderReport(
                intent.client_order_id, Outcome.REJECTED, OrderStatus.REJECTED, code=error.code, detail=str(error)
            )
        order = PaperOrder(intent, f"dry-{len(self._orders) + 1}")
        self._orders[intent.client_order_id] = order
        if order.waits:
            return order.report
        order = self._trade(order, resting=False)
        if order.status is OrderStatus.OPEN and _immediate(intent):
            order = self._end(order, "ioc_remainder_cancelled")
        return order.report

    def _refusal(self, intent: OrderIntent, option: Instrument | None) -> str:
        if option is None or option.settlement_at <= self._now():
            return "invalid_contract"
        if intent.client_order_id in self._orders:
            return "bad_schema"
        held = self._held.get(intent.symbol)
        size = held.size if held is not None else 0
        if intent.reduce_only:
            return "" if size * _sign(intent.side) < 0 else "no_position_for_reduce_only"
        if option.trading_status != "operational":
            return "unavailable"
        need = self._margin_of(option, intent.size) if intent.side is Side.SELL else ZERO
        return "insufficient_margin" if need > self.balance().available else ""

    def look(self) -> None:
        """The market moved: settle what expired and trade what rests."""
        self._settle()
        for order in list(self._orders.values()):
            if order.status is OrderStatus.OPEN:
                changed = self._look_at_stop(order) if order.waits else self._trade(order, resting=True)
                if changed != order:
                    self._inbox.put(OrderReported(self._now(), changed.report))

    def _look_at_stop(self, order: PaperOrder) -> PaperOrder:
        """A stop ends with its position; it trades like a market order once the mark has reached its trigger."""
        intent, quote = order.intent, self._market.quotes.newest(order.intent.symbol)
        if not self._reducible(intent):
            return self._end(order, "no_position_left_for_reduce_only")
        if quote is None or quote.mark is None or intent.stop_price is None or quote.mark < intent.stop_price:
            return order
        order = self._trade(replace(order, fired=True), resting=False)
        return self._end(order, "ioc_remainder_cancelled") if order.status is OrderStatus.OPEN else order

    def cancel(self, client_order_id: str) -> OrderReport:
        """Cancel an order; absent if it never was."""
        order = self._orders.get(client_order_id)
        if order is None:
            return OrderReport(client_order_id, Outcome.ABSENT)
        if order.status is OrderStatus.OPEN:
            order = self._end(order, "cancelled_by_user")
        return order.report

    def find(self, client_order_id: str) -> OrderReport:
        """The state of an order; this account always knows."""
        order = self._orders.get(client_order_id)
        return order.report if order is not None else OrderReport(client_order_id, Outcome.ABSENT)

    def fills_of(self, client_order_ids: frozenset[str]) -> list[Fill]:
        """Fills of these orders."""
        return [fill for fill in self._fills if fill.client_order_id in client_order_ids]

    def positions(self, underlying: str = "") -> list[Position]:
        """What is held, or held of one underlying."""
        self._settle()
        held = ((symbol, row) for symbol, row in self._held.items() if underlying in ("", row.option.underlying))
        return [Position(symbol, row.size, row.price) for symbol, row in held if row.size]

    def open_orders(self) -> list[OrderReport]:
        """Orders at rest."""
        return [order.report for order in self._orders.values() if order.status is OrderStatus.OPEN]

    def balance(self) -> Balance:
        """Cash, and a margin of 1 % of the notional plus the mark for every short contract (a rough figure)."""
        shorts = [held for held in self._held.values() if held.size < 0]
        margin = sum((self._margin_of(held.option, -held.size) for held in shorts), ZERO)
        return Balance(self.cash, self.cash - margin, margin)

    def margin_of(self, rows: Iterable[ChainRow], size: int) -> Decimal:
        """Dollars that selling ``size`` of each would bind, by the same rough figure."""
        return sum((self._bound(row.instrument, size, row.quote.mark or ZERO) for row in rows), ZERO)

    def _margin_of(self, option: Instrument, size: int) -> Decimal:
        quote = self._market.quotes.newest(option.symbol)
        mark = quote.mark if quote is not None and quote.mark is not None else ZERO
        return self._bound(option, size, mark)

    def _bound(self, option: Instrument, size: int, mark: Decimal) -> Decimal:
        return size * option.contract_value * (MARGIN_RATE * (self._market.quotes.spot or option.strike) + mark)

    def _trade(self, order: PaperOrder, *, resting: bool) -> PaperOrder:
        """Fill against the newest quote: an arriving order at the book's price, a resting one at its own."""
        intent = order.intent
        quote = self._market.quotes.newest(intent.symbol)
        option = self._market.products.get(intent.symbol)
        age = self._market.age(intent.symbol)
        if quote is None or option is None or age is None or age > STALE_SECONDS:
            return order
        price, offered = (quote.bid, quote.bid_size) if intent.side is Side.SELL else (quote.ask, quote.ask_size)
        if price is None or not _acceptable(intent, price, quote):
            return order
        size = min(self._left(intent, quote, offered), intent.size - order.filled, self._reducible(intent))
        if size <= 0:
            return order
        role, paid = ("maker", intent.limit_price or price) if resting else ("taker", price)
        return self._fill(order, option, size, paid, role, quote)

    def _left(self, intent: OrderIntent, quote: Quote, offered: int) -> int:
        at, taken = self._taken.get((intent.symbol, intent.side), (quote.at, 0))
        return offered - taken if at == quote.at else offered

    def _reducible(self, intent: OrderIntent) -> int:
        if not intent.reduce_only:
            return intent.size
        held = self._held.get(intent.symbol)
        return max(-_sign(intent.side) * held.size, 0) if held is not None else 0

    def _fill(
        self, order: PaperOrder, option: Instrument, size: int, price: Decimal, role: str, quote: Quote
    ) -> PaperOrder:
        intent = order.intent
        at, taken = self._taken.get((intent.symbol, intent.side), (quote.at, 0))
        self._taken[intent.symbol, intent.side] = (quote.at, size + (taken if at == quote.at else 0))
        commission = option_fee(
            price=price,
            size=size,
            contract_value=option.contract_value,
            underlying_price=self._market.quotes.spot or option.strike,
            rate=option.maker_rate if role == "maker" else option.taker_rate,
            cap_rate=option.premium_cap_rate,
        )
        number = len(self._fills) + 1
        client_id = intent.client_order_id
        fill = Fill(
            f"dry-fill-{number}",
            client_id,
            order.order_id,
            option.symbol,
            intent.side,
            size,
            price,
            commission,
            role,
            self._now(),
        )
        self._fills.append(fill)
        self.cash -= _sign(intent.side) * size * price * option.contract_value + commission
        self._hold(option, _sign(intent.side) * size, price)
        filled = order.filled + size
        status = OrderStatus.CLOSED if filled == intent.size else OrderStatus.OPEN
        changed = replace(order, filled=filled, value=order.value + price * size, status=status)
        self._orders[client_id] = changed
        self._inbox.put(FillSeen(self._now(), fill))
        return changed

    def _hold(self, option: Instrument, change: int, price: Decimal) -> None:
        held = self._held.get(option.symbol, Holding(option, 0, ZERO))
        size = held.size + change
        if held.size * change >= 0 and size:
            price = (held.price * abs(held.size) + price * abs(change)) / abs(size)
        elif size * held.size > 0:
            price = held.price
        self._held[option.symbol] = Holding(option, size, price)

    def _end(self, order: PaperOrder, code: str) -> PaperOrder:
        ended = replace(order, status=OrderStatus.CANCELLED, code=code)
        self._orders[order.intent.client_order_id] = ended
        return ended

    def _settle(self) -> None:
        """What expired pays its intrinsic value at the settlement average (the index without one) and is gone."""
        settled_at = self._market.quotes.settlement_twap or self._market.quotes.spot
        for symbol, held in list(self._held.items()):
            if held.size and settled_at is not None and self._now() >= held.option.settlement_at:
                option = held.option
                gain = settled_at - option.strike
                worth = max(gain if option.option_type is OptionType.CALL else -gain, ZERO)
                self.cash += held.size * worth * option.contract_value
                self.settled[symbol] = Settlement(symbol, worth, option.settlement_at, ZERO, held.size)
                del self._held[symbol]


def _sign(side: Side) -> int:
    return 1 if side is Side.BUY else -1


def _immediate(intent: OrderIntent) -> bool:
    return intent.order_type is OrderType.MARKET or intent.time_in_force is TimeInForce.IOC


def _acceptable(intent: OrderIntent, price: Decimal, quote: Quote) -> bool:
    """Whether the order may trade at ``price``: by its limit, or by the exchange's band without one."""
    if intent.side is Side.BUY:
        limit = intent.limit_price if intent.limit_price is not None else quote.band_high
        return limit is None or price <= limit
    limit = intent.limit_price if intent.limit_price is not None else quote.band_low
    return limit is None or price >= limit
