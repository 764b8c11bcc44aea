"""The account's side of the exchange in the strategy's words: orders, fills, positions, balances (§3 and §4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading.engine.ports import Balance
from trading.strategy.types import ZERO, Fill, OrderReport, OrderStatus, Outcome, Position, Side
from trading.venues.delta.fields import (
    BadField,
    Row,
    decimal,
    inner,
    moment,
    need_decimal,
    need_moment,
    need_text,
    need_whole,
    text,
    whole,
)

STATUS = {
    "open": OrderStatus.OPEN,
    "pending": OrderStatus.OPEN,
    "closed": OrderStatus.CLOSED,
    "cancelled": OrderStatus.CANCELLED,
}
DOLLARS = ("USD", "USDT", "USDC")


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """An order row: what the engine hears, and what this client remembers by."""

    order_id: str
    client_order_id: str
    product_id: int
    symbol: str
    created_at: datetime | None
    report: OrderReport


def order(row: Row, *, client_order_id: str = "") -> SeenOrder:
    """An order from REST or a stream (which names the id ``order_id``). ``client_order_id`` stands in where the row has
    none. Raises BadField for a row that does not say what became of the order.
    """
    state = text(row, "state")
    if state not in STATUS:
        raise BadField(f"order state {state or 'missing'}")
    size, unfilled = need_whole(row, "size"), need_whole(row, "unfilled_size")
    if not 0 <= unfilled <= size:
        raise BadField(f"unfilled_size {unfilled} of {size}")
    order_id = text(row, "id") or need_text(row, "order_id")
    client = text(row, "client_order_id") or client_order_id
    report = OrderReport(
        client_order_id=client,
        outcome=Outcome.ACCEPTED,
        status=STATUS[state],
        filled=size - unfilled,
        venue_order_id=order_id,
        average_price=decimal(row, "average_fill_price"),
        code=text(row, "cancellation_reason"),
    )
    symbol = text(row, "product_symbol") or text(row, "symbol")
    return SeenOrder(order_id, client, whole(row, "product_id") or 0, symbol, moment(row, "created_at"), report)


@dataclass(frozen=True, slots=True)
class SeenFill:
    """An execution by the exchange's order id; the rows of ``/v2/fills`` carry no client order id."""

    fill_id: str
    order_id: str
    product_id: int
    fill: Fill


def fill(row: Row) -> SeenFill:
    """A row of ``/v2/fills`` with the commission the exchange charged, GST included. Raises BadField."""
    side = text(row, "side")
    if side not in (Side.BUY, Side.SELL):
        raise BadField(f"side {side or 'missing'}")
    size = need_whole(row, "size")
    if size <= 0:
        raise BadField(f"size {size}")
    product = inner(row, "product")
    fill_id, order_id = need_text(row, "id"), need_text(row, "order_id")
    executed = Fill(
        fill_id=fill_id,
        client_order_id=text(row, "client_order_id") or text(inner(row, "meta_data"), "client_order_id"),
        venue_order_id=order_id,
        symbol=text(row, "product_symbol") or need_text(product, "symbol"),
        side=Side(side),
        size=size,
        price=need_decimal(row, "price"),
        commission=need_decimal(row, "commission"),
        role=text(row, "role"),
        at=need_moment(row, "created_at"),
    )
    return SeenFill(fill_id, order_id, whole(row, "product_id") or 0, executed)


def is_trade(row: Row) -> bool:
    """Whether a fill came from an order of the account, rather than from settlement, liquidation or ADL."""
    return text(row, "fill_type") in ("normal", "")


def position(row: Row) -> tuple[str, int, Position]:
    """Symbol (may be empty), product id (0 if missing) and the position of a row. Raises BadField without a size."""
    symbol = text(row, "product_symbol") or text(inner(row, "product"), "symbol") or text(row, "symbol")
    held = Position(symbol, need_whole(row, "size"), decimal(row, "entry_price"))
    return symbol, whole(row, "product_id") or 0, held


def position_rows(result: Any) -> list[Row]:
    """The rows in an answer of ``/v2/positions``, whose shape is documented as one object and seen as a list. Raises
    BadField for anything else: what cannot be read is not flat.
    """
    rows = result if isinstance(result, list) else [result]
    if not all(isinstance(row, dict) and row for row in rows):
        raise BadField(f"positions come as {type(result).__name__}")
    return rows


def balance(rows: Iterable[Row]) -> Balance:
    """The dollar wallet: all cash, what is free, and what margin holds. Raises BadField when there is none."""
    for row in rows:
        if text(row, "asset_symbol") in DOLLARS:
            return wallet(row)
    raise BadField("no dollar wallet among the balances")


def wallet(row: Row) -> Balance:
    """One wallet row, from REST or the ``margins`` channel."""
    cash = need_decimal(row, "balance")
    available = need_decimal(row, "available_balance")
    blocked = decimal(row, "blocked_margin")
    return Balance(cash, available, max(cash - available, ZERO) if blocked is None else blocked)
