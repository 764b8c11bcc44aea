"""The account behind the exchange: fills change orders, positions and cash together, to the last digit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import NAMESPACE_OID, uuid5

from trading.engine.ports import Balance
from trading.strategy.fees import option_fee
from trading.strategy.types import ZERO, Instrument, OrderType, Side, TimeInForce
from trading.venues.simulated.book import Execution
from trading.venues.simulated.clock import from_micros
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.ledger import Ledger
from trading.venues.simulated.market import Market
from trading.venues.simulated.products import UNDERLYINGS, parse_symbol
from trading.venues.simulated.records import FillRecord, FillType, OrderRecord, OrderState, PositionRecord

_COMMISSION_PLACES = Decimal("0.00000001")


def signed(side: Side, size: int) -> int:
    """Contracts with the sign of the position they build: buys positive."""
    return size if side is Side.BUY else -size


class Account:
    """Positions, cash and margin. Every writing method must run inside the ledger's transaction."""

    def __init__(self, ledger: Ledger, market: Market, config: SimulatedConfig) -> None:
        self._ledger = ledger
        self._market = market
        self._config = config

    def size_of(self, symbol: str) -> int:
        """Signed contracts held."""
        position = self._ledger.position(symbol)
        return 0 if position is None else position.size

    def save(self, order: OrderRecord, at: int) -> OrderRecord:
        """Write an order's change with the next sequence number."""
        changed = replace(order, updated_at=at, sequence=self._ledger.last_order_change() + 1)
        self._ledger.put_order(changed)
        return changed

    def fill(
        self,
        order: OrderRecord,
        instrument: Instrument,
        execution: Execution,
        *,
        at: int,
        role: str,
        fill_type: FillType = FillType.NORMAL,
    ) -> OrderRecord:
        """Book one execution of an order: the fill, its cashflow and commission, the position, and the order itself."""
        value = execution.price * execution.size * instrument.contract_value
        record = FillRecord(
            id=f"{order.id:x}{order.filled:06x}",
            order_id=str(order.id),
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            product_id=order.product_id,
            side=order.side,
            size=execution.size,
            price=execution.price,
            commission=self._commission(instrument, execution, at=at, role=role),
            cashflow=value if order.side is Side.SELL else -value,
            role=role,
            fill_type=fill_type,
            at=at,
            sequence=self._ledger.last_fill() + 1,
        )
        self._ledger.add_fill(record)
        self._ledger.book(at=at, kind="cashflow", amount=record.cashflow, symbol=order.symbol)
        self._ledger.book(at=at, kind="commission", amount=-record.commission, symbol=order.symbol)
        self._move(order, execution, instrument)
        unfilled = order.unfilled - execution.size
        filled = replace(
            order,
            unfilled=unfilled,
            cost=order.cost + execution.price * execution.size,
            commission=order.commission + record.commission,
            state=order.state if unfilled else OrderState.CLOSED,
        )
        return self.save(filled, at)

    def _commission(self, instrument: Instrument, execution: Execution, *, at: int, role: str) -> Decimal:
        rate = self._config.taker_rate if role == "taker" else self._config.maker_rate
        return option_fee(
            price=execution.price,
            size=execution.size,
            contract_value=instrument.contract_value,
            underlying_price=self._market.spot(instrument.underlying, from_micros(at)),
            rate=rate,
            cap_rate=self._config.premium_cap_rate,
            gst_rate=self._config.gst_rate,
        ).quantize(_COMMISSION_PLACES)

    def _move(self, order: OrderRecord, execution: Execution, instrument: Instrument) -> None:
        held = self._ledger.position(order.symbol)
        if held is None:
            held = PositionRecord(order.symbol, order.product_id, order.settlement, 0, ZERO, ZERO)
        self._ledger.put_position(
            moved(held, signed(order.side, execution.size), execution.price, instrument.contract_value)
        )

    def trim_reduce_only(self, symbol: str, at: int) -> None:
        """Shrink resting reduce-only orders to what is left of the position, and cancel those that nothing is left
        for.
        """
        room = self.size_of(symbol)
        for order in self._ledger.open_orders():
            if order.symbol != symbol or not order.reduce_only:
                continue
            allowed = min(order.unfilled, max(0, -room if order.side is Side.BUY else room))
            room += signed(order.side, allowed)
            if allowed == 0:
                self.save(replace(order, state=OrderState.CANCELLED, reason="no_position_left_for_reduce_only"), at)
            elif allowed < order.unfilled:
                self.save(replace(order, size=order.filled + allowed, unfilled=allowed), at)
        self._trim_stops(symbol, at)

    def _trim_stops(self, symbol: str, at: int) -> None:
        held = self.size_of(symbol)
        for stop in self._ledger.pending_orders():
            if stop.symbol != symbol or not stop.reduce_only:
                continue
            allowed = min(stop.unfilled, max(0, -held if stop.side is Side.BUY else held))
            if allowed == 0:
                self.save(replace(stop, state=OrderState.CANCELLED, reason="no_position_left_for_reduce_only"), at)
            elif allowed < stop.unfilled:
                self.save(replace(stop, size=allowed, unfilled=allowed), at)

    def settle(self, second: int) -> None:
        """Settle everything that expires at this Unix second: cancel its orders, pay the positions on the 30-minute
        mean of the index.
        """
        at = second * 1_000_000
        for order in [*self._ledger.open_orders(), *self._ledger.pending_orders()]:
            if order.settlement == second:
                self.save(replace(order, state=OrderState.CANCELLED, reason="settlement"), at)
        for position in self._ledger.positions():
            if position.settlement == second:
                self._settle_position(position, at)

    def _settle_position(self, position: PositionRecord, at: int) -> None:
        name = parse_symbol(position.symbol)
        if name is None:
            return
        lot = UNDERLYINGS[name.underlying].contract_value
        index = self._market.twap(name.underlying, from_micros(at))
        inside = index - name.strike if position.symbol.startswith("C-") else name.strike - index
        payoff = max(ZERO, inside)
        amount = position.size * payoff * lot if payoff else ZERO
        if payoff:
            self._ledger.add_fill(self._settlement_fill(position, payoff, amount, at))
            fee = self._settlement_fee(amount)
            if fee:
                self._ledger.book(at=at, kind="commission", amount=-fee, symbol=position.symbol)
        self._ledger.book(at=at, kind="settlement", amount=amount, symbol=position.symbol)
        realized = position.realized + (payoff - position.entry_price) * position.size * lot
        self._ledger.put_position(replace(position, size=0, entry_price=ZERO, realized=realized))

    def _settlement_fee(self, amount: Decimal) -> Decimal:
        return (abs(amount) * self._config.settlement_fee_rate * (1 + self._config.gst_rate)).quantize(
            _COMMISSION_PLACES
        )

    def _settlement_fill(self, position: PositionRecord, payoff: Decimal, amount: Decimal, at: int) -> FillRecord:
        return FillRecord(
            id=f"settle-{position.product_id:x}",
            order_id=str(uuid5(NAMESPACE_OID, f"{position.symbol}@{at}")),
            client_order_id="",
            symbol=position.symbol,
            product_id=position.product_id,
            side=Side.BUY if position.size < 0 else Side.SELL,
            size=abs(position.size),
            price=payoff,
            commission=self._settlement_fee(amount),
            cashflow=amount,
            role="taker",
            fill_type=FillType.SETTLEMENT,
            at=at,
            sequence=self._ledger.last_fill() + 1,
        )

    def balance(self, now: int) -> Balance:
        """Cash, what is free of it, and what positions and resting orders bind, at the marks of ``now``
        (microseconds).
        """
        cash = self._ledger.cash()
        bound = sum((self.margin(row.symbol, row.size, now) for row in self._ledger.positions()), ZERO)
        bound += sum((self._order_margin(order, now) for order in self._ledger.open_orders()), ZERO)
        return Balance(cash=cash, available=max(ZERO, cash - bound), margin=bound)

    def _order_margin(self, order: OrderRecord, now: int) -> Decimal:
        if order.reduce_only:
            return ZERO
        return self.needed(order.symbol, order.side, order.unfilled, order.limit_price, now)

    def margin(self, symbol: str, size: int, now: int) -> Decimal:
        """Initial margin in dollars of ``size`` signed contracts at the marks of ``now``."""
        at = from_micros(now)
        instrument = self._market.instrument(symbol, at)
        if instrument is None or size >= 0:
            return ZERO
        mark = self._market.quote(instrument, at).mark or ZERO
        days = (instrument.settlement_at - at).total_seconds() / 86_400
        return self._config.margin.initial(
            terms=UNDERLYINGS[instrument.underlying].margin_terms(days),
            size=size,
            mark=mark,
            index=self._market.spot(instrument.underlying, at),
            contract_value=instrument.contract_value,
        )

    def needed(self, symbol: str, side: Side, size: int, price: Decimal | None, now: int) -> Decimal:
        """Dollars an order needs free: more margin for shorts it opens, the premium for contracts it buys; nothing
        for what it closes.
        """
        held = self.size_of(symbol)
        if side is Side.SELL:
            opened = max(0, size - max(0, held))
            return self.margin(symbol, min(held, 0) - opened, now) - self.margin(symbol, min(held, 0), now)
        opened = max(0, size + min(0, held))
        name = parse_symbol(symbol)
        lot = UNDERLYINGS[name.underlying].contract_value if name else ZERO
        return opened * lot * (price or ZERO)

    def seed(self, instrument: Instrument, size: int, price: Decimal, *, at: int) -> None:
        """Put a position into the account as an over-the-counter trade that no engine asked for."""
        side = Side.BUY if size > 0 else Side.SELL
        order = OrderRecord(
            id=self._ledger.next_order_id(),
            client_order_id="",
            symbol=instrument.symbol,
            product_id=instrument.product_id,
            settlement=int(instrument.settlement_at.timestamp()),
            side=side,
            size=abs(size),
            unfilled=abs(size),
            order_type=OrderType.MARKET,
            limit_price=None,
            time_in_force=TimeInForce.IOC,
            post_only=False,
            reduce_only=False,
            state=OrderState.OPEN,
            created_at=at,
            updated_at=at,
        )
        self.fill(order, instrument, Execution(price, abs(size)), at=at, role="taker", fill_type=FillType.OTC)
        self.trim_reduce_only(instrument.symbol, at)


def moved(held: PositionRecord, change: int, price: Decimal, lot: Decimal) -> PositionRecord:
    """A position after ``change`` signed contracts traded at ``price``: averaged when it grows, realised when it
    shrinks, restarted when it flips.
    """
    size = held.size + change
    closed = min(abs(held.size), abs(change)) if held.size * change < 0 else 0
    direction = 1 if held.size > 0 else -1
    realized = held.realized + (price - held.entry_price) * closed * direction * lot
    if closed == 0:
        entry = (held.entry_price * abs(held.size) + price * abs(change)) / abs(size)
    elif abs(change) > abs(held.size):
        entry = price
    else:
        entry = held.entry_price if size else ZERO
    return replace(held, size=size, entry_price=entry, realized=realized)
