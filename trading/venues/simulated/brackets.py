"""Brackets: a loss stop and a profit stop around a position, of which one cancels the other.

A simpler thing than the exchange's: the legs of an entry's bracket appear when the entry is done, sized to what it
filled.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal

from trading.strategy.types import Instrument, OrderType, Side, TimeInForce
from trading.venues.simulated import checks
from trading.venues.simulated.account import Account
from trading.venues.simulated.ledger import Ledger
from trading.venues.simulated.records import (
    BracketTerms,
    ExchangeError,
    OrderRecord,
    OrderState,
    StopTerms,
    StopTrigger,
    StopType,
)


def encode(terms: BracketTerms | None) -> str:
    """Terms as kept in the order's row."""
    if terms is None:
        return ""
    return json.dumps({key: str(value) for key, value in asdict(terms).items() if value is not None})


def decode(text: str) -> BracketTerms | None:
    """Terms from the order's row; None for none."""
    if not text:
        return None
    values = json.loads(text)
    trigger = StopTrigger(values.pop("trigger"))
    return BracketTerms(trigger=trigger, **{key: Decimal(value) for key, value in values.items()})


def check_terms(terms: BracketTerms, side: Side, instrument: Instrument) -> None:
    """Refuse a bracket without a leg, with both a loss price and a trail, or with prices off the tick. ``side`` is the
    legs'.
    """
    legs = list(_legs(terms))
    if not legs or (terms.stop_loss_price is not None and terms.trail_amount is not None):
        raise ExchangeError(
            "bad_schema", "a bracket has a stop loss price or a trail, a take profit, or both", param="bracket"
        )
    for stop, limit in legs:
        checks.check_stop(side, stop, instrument.tick_size)
        if limit is not None:
            checks.check_price(OrderType.LIMIT, limit, instrument.tick_size)


def _legs(terms: BracketTerms) -> list[tuple[StopTerms, Decimal | None]]:
    legs: list[tuple[StopTerms, Decimal | None]] = []
    if terms.stop_loss_price is not None or terms.trail_amount is not None:
        price = None if terms.trail_amount is not None else terms.stop_loss_price
        stop = StopTerms(StopType.LOSS, price, terms.trail_amount, terms.trigger)
        legs.append((stop, terms.stop_loss_limit_price))
    if terms.take_profit_price is not None:
        profit = StopTerms(StopType.PROFIT, terms.take_profit_price, None, terms.trigger)
        legs.append((profit, terms.take_profit_limit_price))
    return legs


class Brackets:
    """The brackets of one account. Every method must run inside the ledger's transaction."""

    def __init__(self, ledger: Ledger, account: Account) -> None:
        self._ledger = ledger
        self._account = account

    def after(self, entry: OrderRecord, at: int) -> None:
        """Set up the legs of an entry that is done and filled something."""
        terms = decode(entry.bracket)
        if terms is None or entry.active or not entry.filled or self._ledger.legs_of(entry.id):
            return
        side = Side.BUY if entry.side is Side.SELL else Side.SELL
        self._place(entry, side, entry.filled, terms, entry.id, at)

    def attach(self, instrument: Instrument, terms: BracketTerms, at: int) -> list[OrderRecord]:
        """Guard the position held in ``instrument``; there is one bracket per position. Returns the legs."""
        held = self._account.size_of(instrument.symbol)
        if held == 0:
            raise ExchangeError("no_open_position", "there is no position to guard")
        side = Side.BUY if held < 0 else Side.SELL
        check_terms(terms, side, instrument)
        if any(order.parent_id and order.symbol == instrument.symbol for order in self._ledger.pending_orders()):
            raise ExchangeError("position_bracket_exist_or_invalid_data", "the position has a bracket already")
        pattern = OrderRecord(
            id=self._ledger.next_order_id(),
            client_order_id="",
            symbol=instrument.symbol,
            product_id=instrument.product_id,
            settlement=int(instrument.settlement_at.timestamp()),
            side=side,
            size=abs(held),
            unfilled=abs(held),
            order_type=OrderType.MARKET,
            limit_price=None,
            time_in_force=TimeInForce.IOC,
            post_only=False,
            reduce_only=True,
            state=OrderState.PENDING,
            created_at=at,
            updated_at=at,
        )
        return self._place(pattern, side, abs(held), terms, pattern.id, at)

    def _place(
        self, pattern: OrderRecord, side: Side, size: int, terms: BracketTerms, parent: int, at: int
    ) -> list[OrderRecord]:
        return [
            self._account.save(_leg(pattern, self._ledger.next_order_id(), side, size, stop, limit, parent, at), at)
            for stop, limit in _legs(terms)
        ]


def _leg(
    pattern: OrderRecord,
    order_id: int,
    side: Side,
    size: int,
    stop: StopTerms,
    limit: Decimal | None,
    parent: int,
    at: int,
) -> OrderRecord:
    return OrderRecord(
        id=order_id,
        client_order_id="",
        symbol=pattern.symbol,
        product_id=pattern.product_id,
        settlement=pattern.settlement,
        side=side,
        size=size,
        unfilled=size,
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit_price=limit,
        time_in_force=TimeInForce.IOC if limit is None else TimeInForce.GTC,
        post_only=False,
        reduce_only=True,
        state=OrderState.PENDING,
        created_at=at,
        updated_at=at,
        stop_type=stop.kind.value,
        stop_price=stop.price,
        stop_trigger=stop.trigger.value,
        trail_amount=stop.trail,
        parent_id=parent,
    )
