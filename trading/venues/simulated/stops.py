"""Stop orders: finding the second in which one triggers, and turning it into a live order.

Like resting orders, stops depend on seed and time only. A stop reserves no margin before it triggers; what it lacks
then cancels it (``spec/delta_exchange.md`` §3.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from trading.strategy.types import Instrument, Side
from trading.venues.simulated import checks
from trading.venues.simulated.account import Account
from trading.venues.simulated.ledger import Ledger
from trading.venues.simulated.market import Market
from trading.venues.simulated.prints import last_print
from trading.venues.simulated.products import at_second
from trading.venues.simulated.records import (
    ExchangeError,
    FillRecord,
    OrderRecord,
    OrderRequest,
    OrderState,
    StopTrigger,
    StopType,
)

_SECOND = 1_000_000
_BLOCK = 60
Trade = Callable[[OrderRecord, Instrument, datetime], OrderRecord]


class Stops:
    """The untriggered stops of one account. Every method must run inside the ledger's transaction."""

    def __init__(self, ledger: Ledger, market: Market, account: Account, trade: Trade) -> None:
        self._ledger = ledger
        self._market = market
        self._account = account
        self._trade = trade
        self._watched: dict[int, int] = {}

    def next_trigger(self, until: int) -> tuple[int, OrderRecord] | None:
        """The earliest trigger up to the Unix second ``until`` among all stops, with its order."""
        found = [
            (second, order.id, order)
            for order in self._ledger.pending_orders()
            if (second := self._trigger_of(order, until)) is not None
        ]
        if not found:
            return None
        second, _, order = min(found, key=lambda item: item[:2])
        return second, self._ledger.order(order.id) or order

    def _trigger_of(self, order: OrderRecord, until: int) -> int | None:
        after = max(self._watched.get(order.id, 0), order.updated_at // _SECOND)
        instrument = self._market.contract(order.symbol)
        if instrument is None or until <= after:
            return None
        last = min(until, order.settlement - 1)
        second = self._first_hit(order, instrument, after + 1, last)
        self._watched[order.id] = until if second is None else second - 1
        return second

    def _first_hit(self, order: OrderRecord, instrument: Instrument, first: int, last: int) -> int | None:
        trailed = order
        while first <= last:
            end = min(last, first + _BLOCK - 1 - first % _BLOCK)
            if order.trail_amount is not None or self._within_reach(order, instrument, first, end):
                for second in range(first, end + 1):
                    price = self._price(order, instrument, second)
                    if price is None:
                        continue
                    trailed = trail(trailed, price)
                    if hit(trailed, price):
                        return second
            first = end + 1
        if trailed.stop_price != order.stop_price:
            self._ledger.put_order(trailed)
        return None

    def _within_reach(self, order: OrderRecord, instrument: Instrument, first: int, last: int) -> bool:
        """Whether the price may have come to the stop in this minute; False only when it certainly has not."""
        if last == first or order.stop_price is None:
            return True
        spots = self._market.spots(instrument.underlying, at_second(first), at_second(last))
        low, high = float(spots.min()), float(spots.max())
        stop, rising = float(order.stop_price), waits_for_rise(order)
        if order.stop_trigger == StopTrigger.SPOT:
            return high + 1.0 >= stop if rising else low - 1.0 <= stop
        spot = high if rising is (instrument.symbol.startswith("C-")) else low
        at = at_second(first if rising else last)
        bound = self._market.touch_bound(instrument, at, spot=spot, cheap=not rising)
        return bound >= stop if rising else bound <= stop

    def _price(self, order: OrderRecord, instrument: Instrument, second: int) -> Decimal | None:
        at = at_second(second)
        if order.stop_trigger == StopTrigger.SPOT:
            return self._market.spot(instrument.underlying, at)
        if order.stop_trigger == StopTrigger.LAST:
            return self._last_traded(instrument, second)
        return self._market.quote(instrument, at).mark

    def _last_traded(self, instrument: Instrument, second: int) -> Decimal | None:
        others = last_print(self._market, instrument, second)
        clause = "WHERE symbol = ? AND at < ? ORDER BY sequence DESC LIMIT 1"
        ours = self._ledger.page(FillRecord, clause, (instrument.symbol, (second + 1) * _SECOND))
        if ours and (others is None or ours[0].at // _SECOND >= others.at):
            return ours[0].price
        return None if others is None else others.price

    def fire(self, order: OrderRecord, second: int) -> OrderRecord:
        """Bring a triggered stop to life at ``second``; its bracket's other leg is cancelled."""
        at, stamp = at_second(second), second * _SECOND
        self._watched.pop(order.id, None)
        for leg in self._ledger.legs_of(order.parent_id) if order.parent_id else ():
            if leg.id != order.id and leg.state is OrderState.PENDING:
                self._account.save(replace(leg, state=OrderState.CANCELLED, reason="bracket_sibling_triggered"), stamp)
        instrument = self._market.instrument(order.symbol, at)
        if instrument is None:
            return self._account.save(replace(order, state=OrderState.CANCELLED, reason="settlement"), stamp)
        try:
            opened = self._opened(order, instrument, at, stamp)
        except ExchangeError as error:
            return self._account.save(replace(order, state=OrderState.CANCELLED, reason=error.code), stamp)
        return self._trade(self._account.save(opened, stamp), instrument, at)

    def _opened(self, order: OrderRecord, instrument: Instrument, at: datetime, stamp: int) -> OrderRecord:
        request = OrderRequest(
            order.symbol,
            order.side,
            order.unfilled,
            order.order_type,
            order.limit_price,
            reduce_only=order.reduce_only,
        )
        if order.reduce_only:
            request = checks.shrink_to_position(request, self._ledger, self._account)
        quote = self._market.quote(instrument, at)
        checks.check_market_state(request, instrument, quote)
        checks.check_funds(request, instrument, quote, self._account, at=stamp)
        return replace(order, state=OrderState.OPEN, size=request.size, unfilled=request.size)


def waits_for_rise(order: OrderRecord) -> bool:
    """Whether the stop triggers when its price rises to it."""
    return (order.stop_type == StopType.LOSS) is (order.side is Side.BUY)


def hit(order: OrderRecord, price: Decimal) -> bool:
    """Whether ``price`` triggers the stop."""
    if order.stop_price is None:
        return False
    return price >= order.stop_price if waits_for_rise(order) else price <= order.stop_price


def trail(order: OrderRecord, price: Decimal) -> OrderRecord:
    """A trailing stop after it saw ``price``: it follows, never retreats."""
    if order.trail_amount is None:
        return order
    candidate = price + order.trail_amount
    if order.stop_price is None:
        return replace(order, stop_price=candidate)
    better = min if order.side is Side.BUY else max
    return replace(order, stop_price=better(order.stop_price, candidate))
