"""What the simulated exchange keeps: requests, orders, fills, positions, wallet entries, and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from trading.strategy.types import ZERO, OrderType, Side, TimeInForce


class OrderState(StrEnum):
    """States of an order as Delta names them; there is no partially-filled state."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class FillType(StrEnum):
    """Why a fill happened. ``otc`` marks positions put into the account by hand."""

    NORMAL = "normal"
    SETTLEMENT = "settlement"
    OTC = "otc"


class ExchangeError(Exception):
    """The exchange refused: ``code`` is Delta's (``spec/delta_exchange.md`` §9), ``context`` its details, all
    strings.
    """

    def __init__(self, code: str, detail: str = "", **context: str) -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail or code.replace("_", " ")
        self.context: Mapping[str, str] = context


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as it arrives. ``limit_price`` is dollars, None for market orders; ``size`` whole contracts."""

    symbol: str
    side: Side
    size: int
    order_type: OrderType = OrderType.LIMIT
    limit_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    client_order_id: str = ""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An accepted order. ``cost`` is Σ price × contracts of its fills, ``commission`` dollars paid; times are
    microseconds since 1970.
    """

    id: int
    client_order_id: str
    symbol: str
    product_id: int
    settlement: int
    side: Side
    size: int
    unfilled: int
    order_type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    state: OrderState
    created_at: int
    updated_at: int
    reason: str = ""
    cost: Decimal = ZERO
    commission: Decimal = ZERO
    sequence: int = 0

    @property
    def filled(self) -> int:
        """Contracts filled so far."""
        return self.size - self.unfilled

    @property
    def average_price(self) -> Decimal | None:
        """Volume-weighted price of the fills in dollars, None without fills."""
        return self.cost / self.filled if self.filled else None


@dataclass(frozen=True, slots=True)
class FillRecord:
    """One execution. ``cashflow`` is dollars credited (sells) or debited (buys) before ``commission``; ``at`` is
    microseconds since 1970.
    """

    id: str
    order_id: str
    client_order_id: str
    symbol: str
    product_id: int
    side: Side
    size: int
    price: Decimal
    commission: Decimal
    cashflow: Decimal
    role: str
    fill_type: FillType
    at: int
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class PositionRecord:
    """Signed contracts of one option with the average entry price in dollars and the gross profit realised so far."""

    symbol: str
    product_id: int
    settlement: int
    size: int
    entry_price: Decimal
    realized: Decimal


@dataclass(frozen=True, slots=True)
class Transaction:
    """A wallet entry: ``kind`` is deposit, cashflow, commission or settlement; ``balance`` the cash after it."""

    sequence: int
    at: int
    kind: str
    amount: Decimal
    balance: Decimal
    symbol: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything the exchange knows of the account, for comparison with what others believe."""

    orders: tuple[OrderRecord, ...]
    fills: tuple[FillRecord, ...]
    positions: tuple[PositionRecord, ...]
    transactions: tuple[Transaction, ...]
    cash: Decimal
    open_orders: tuple[OrderRecord, ...] = field(default=())
