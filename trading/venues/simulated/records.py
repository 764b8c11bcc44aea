"""What the simulated exchange keeps: requests, orders, fills, positions, wallet entries, and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from trading.strategy.types import ZERO, OrderType, Side, TimeInForce


class OrderState(StrEnum):
    """States of an order as Delta names them (``pending`` is an untriggered stop); none is partially filled."""

    OPEN = "open"
    PENDING = "pending"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class FillType(StrEnum):
    """Why a fill happened. ``otc`` marks positions put into the account by hand."""

    NORMAL = "normal"
    SETTLEMENT = "settlement"
    OTC = "otc"


class StopType(StrEnum):
    """Which way a stop waits: a loss stop for the worse price, a profit stop for the better one."""

    LOSS = "stop_loss_order"
    PROFIT = "take_profit_order"


class StopTrigger(StrEnum):
    """The price a stop looks at."""

    MARK = "mark_price"
    LAST = "last_traded_price"
    SPOT = "spot_price"


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
class StopTerms:
    """When a stop order comes to life: at ``price`` dollars, or ``trail`` dollars behind the best price seen (negative
    for sells).
    """

    kind: StopType
    price: Decimal | None = None
    trail: Decimal | None = None
    trigger: StopTrigger = StopTrigger.MARK


@dataclass(frozen=True, slots=True)
class BracketTerms:
    """The two stops that guard a position: prices in dollars; a limit price of None sends a market order."""

    stop_loss_price: Decimal | None = None
    stop_loss_limit_price: Decimal | None = None
    trail_amount: Decimal | None = None
    take_profit_price: Decimal | None = None
    take_profit_limit_price: Decimal | None = None
    trigger: StopTrigger = StopTrigger.MARK


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
    stop: StopTerms | None = None
    bracket: BracketTerms | None = None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An accepted order. ``cost`` is Σ price × contracts of its fills, ``commission`` dollars paid; times are
    microseconds since 1970. ``stop_type`` and ``stop_trigger`` are empty for plain orders; ``bracket`` is the JSON of
    the stops that an entry brings along; the legs of one bracket share a ``parent_id``.
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
    stop_type: str = ""
    stop_price: Decimal | None = None
    stop_trigger: str = ""
    trail_amount: Decimal | None = None
    parent_id: int = 0
    bracket: str = ""

    @property
    def filled(self) -> int:
        """Contracts filled so far."""
        return self.size - self.unfilled

    @property
    def active(self) -> bool:
        """Whether it rests in the book or waits for its trigger."""
        return self.state in {OrderState.OPEN, OrderState.PENDING}

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
