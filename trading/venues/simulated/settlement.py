"""What expired options paid, and what the account was told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from trading.strategy.events import ReadSettlements
from trading.strategy.types import ZERO, Settlement, Side
from trading.venues.simulated.clock import from_micros, micros
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.records import FillRecord, FillType


def settlements(exchange: SimulatedExchange, asked: ReadSettlements) -> Iterator[Settlement]:
    """What the account's wallet shows as settled of these options; a worthless one leaves no fill, hence no size."""
    at = micros(asked.expiry)
    booked = [row for row in exchange.transactions() if row.at >= at]
    for symbol in asked.symbols:
        rows = [row for row in booked if row.symbol == symbol]
        if any(row.kind == "settlement" for row in rows):
            fills = [fill for fill in exchange.fills() if fill.symbol == symbol]
            paid = next((fill for fill in fills if fill.fill_type is FillType.SETTLEMENT), None)
            yield Settlement(
                symbol=symbol,
                price=ZERO if paid is None else paid.price,
                at=from_micros(at),
                fee=-sum((row.amount for row in rows if row.kind == "commission"), Decimal(0)),
                size=None if paid is None else -_signed(paid),
                traded=_traded(fills, asked.since, asked.fill_ids),
            )


def _traded(fills: list[FillRecord], since: datetime, ours: tuple[str, ...]) -> int:
    others = (fill for fill in fills if fill.fill_type is not FillType.SETTLEMENT and fill.id not in ours)
    return sum(_signed(fill) for fill in others if fill.at > micros(since))


def _signed(fill: FillRecord) -> int:
    return fill.size if fill.side is Side.BUY else -fill.size
