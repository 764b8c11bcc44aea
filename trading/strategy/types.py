"""The vocabulary of the strategy: instruments, quotes, orders, phases and parameters.

Everything here is immutable and comes from the standard library. Prices are Decimal US dollars per one unit of the
underlying, sizes are whole contracts, times are aware UTC, percentages are percent (0.5 is half a percent). Greeks
and implied volatilities are floats, in the exchange's units (``spec/delta_exchange.md`` §2.3): theta per calendar
day, vega and rho per percentage point, gamma per dollar, all per one unit of the underlying.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class OptionType(StrEnum):
    """The two legs of a strangle; also the key of a leg."""

    CALL = "call"
    PUT = "put"

    @property
    def code(self) -> str:
        """Two letters used in client order ids: CE or PE."""
        return "CE" if self is OptionType.CALL else "PE"


class Side(StrEnum):
    """Direction of an order as the exchange spells it."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """Order types of the exchange (``spec/delta_exchange.md`` §3.1)."""

    LIMIT = "limit_order"
    MARKET = "market_order"


class TimeInForce(StrEnum):
    """Good till cancelled, or immediate or cancel."""

    GTC = "gtc"
    IOC = "ioc"


class Purpose(StrEnum):
    """Why an order exists."""

    ENTRY = "entry"
    EXIT = "exit"
    UNWIND = "unwind"
    STOP = "stop"

    @property
    def code(self) -> str:
        """One letter used in client order ids."""
        return {"entry": "e", "exit": "x", "unwind": "u", "stop": "s"}[self.value]


class OrderStatus(StrEnum):
    """What the engine knows of an order.

    ``unknown`` means the venue has to be asked before anything else is sent for that leg.
    """

    INTENT = "intent"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """Answer to a request about an order. ``absent`` is a conclusive 'the venue never had it'."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    ABSENT = "absent"


class Phase(StrEnum):
    """Phases of a session; the legal moves between them are a table in ``machine.py``."""

    IDLE = "idle"
    WAITING = "waiting"
    SELECTING = "selecting"
    ENTERING = "entering"
    LIVE = "live"
    EXITING = "exiting"
    CLOSED = "closed"
    ATTENTION = "attention"


class ExitReason(StrEnum):
    """Why a session ended. The first ten are rules, in the fixed order in which they are evaluated."""

    MAX_LOSS = "max_loss"
    MAX_PROFIT = "max_profit"
    TRAILING_SL = "trailing_sl"
    LEG_STOP = "leg_stop"
    UNDERLYING_STOP = "underlying_stop"
    DELTA_STOP = "delta_stop"
    TIME_EXIT = "time_exit"
    SETTLEMENT_GUARD = "settlement_guard"
    STALE_DATA = "stale_data"
    DAILY_LOSS = "daily_loss"
    PANIC_CLOSE = "panic_close"
    STOPPED = "stopped"
    HANDED_OVER = "handed_over"
    ENTRY_FAILED = "entry_failed"
    NO_ENTRY = "no_entry"
    CLOSED_OUTSIDE = "closed_outside"
    SETTLEMENT = "settlement"
    RESUMED_EXIT = "resumed_exit"


class StrikeMode(StrEnum):
    """How strikes are chosen. ``price`` is the reference's name for a premium band."""

    DELTA = "delta"
    PRICE = "price"
    EXPECTED_MOVE = "expected_move"


class Repeat(StrEnum):
    """One session, or one on each chosen weekday."""

    ONCE = "once"
    DAILY = "daily"


class ExpiryRule(StrEnum):
    """Expiry by a fixed date, or the first listed at least ``days_to_expiry`` IST days away."""

    FIXED = "fixed"
    DTE = "dte"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One listed option.

    ``contract_value`` is units of the underlying per contract; rates are fractions (0.0001 is 0.01 %) read from the
    product, never assumed.
    """

    symbol: str
    product_id: int
    underlying: str
    option_type: OptionType
    strike: Decimal
    settlement_at: datetime
    tick_size: Decimal
    contract_value: Decimal
    trading_status: str = "operational"
    taker_rate: Decimal = Decimal("0.0001")
    maker_rate: Decimal = Decimal("0.0001")
    premium_cap_rate: Decimal = Decimal("0.035")


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest look at one option. Any field the venue left out is None; ``at`` is the venue's freshness stamp."""

    symbol: str
    at: datetime
    bid: Decimal | None = None
    bid_size: int = 0
    ask: Decimal | None = None
    ask_size: int = 0
    mark: Decimal | None = None
    iv: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    open_interest: int | None = None
    band_low: Decimal | None = None
    band_high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ChainRow:
    """An instrument with its quote."""

    instrument: Instrument
    quote: Quote


@dataclass(frozen=True, slots=True)
class Chain:
    """All live options of one underlying, as read at ``at``, with the index price.

    ``skipped`` names the listings the venue adapter could not use ("symbol: reason"), for example an unknown
    contract type.
    """

    at: datetime
    underlying: str
    spot: Decimal | None
    rows: tuple[ChainRow, ...]
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order to be committed before it is sent. ``limit_price`` is None for market orders; with a ``stop_price`` the
    venue holds it back until the option's mark reaches that.
    """

    client_order_id: str
    leg: OptionType
    purpose: Purpose
    attempt: int
    symbol: str
    product_id: int
    side: Side
    size: int
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None
    reduce_only: bool
    decision_price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the venue (or a failed request) said of an order. ``filled`` is contracts in total."""

    client_order_id: str
    outcome: Outcome
    status: OrderStatus | None = None
    filled: int = 0
    venue_order_id: str = ""
    average_price: Decimal | None = None
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. ``commission`` is dollars including GST, as the venue charged it."""

    fill_id: str
    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    size: int
    price: Decimal
    commission: Decimal
    role: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Signed contracts held at the venue in one option (short is negative)."""

    symbol: str
    size: int
    entry_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the venue settled an expired option at, for the whole account: ``price`` in dollars of payoff per unit of
    the underlying, 0 for a worthless one; ``fee`` in dollars for all of it; ``at`` when it expired.

    ``size`` is the signed contracts it settled, None when it does not say (a worthless option leaves no fill);
    ``traded`` the signed contracts that orders other than ours bought and sold since the time that was asked about.
    """

    symbol: str
    price: Decimal
    at: datetime
    fee: Decimal
    size: int | None
    traded: int = 0


@dataclass(frozen=True, slots=True)
class MarginSeen:
    """What selling the whole quantity of these symbols would bind and what is free, in dollars. ``error`` says why a
    figure is missing.
    """

    symbols: tuple[str, ...]
    required: Decimal | None = None
    available: Decimal | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class TrailingRule:
    """When the peak profit reaches ``trigger_pct``, lock ``level_pct`` (both percent of the credit; level 0 is
    break-even).
    """

    trigger_pct: Decimal
    level_pct: Decimal


@dataclass(frozen=True, slots=True)
class StrategyParams:
    """A configuration revision as the engine obeys it. None switches an optional rule or gate off."""

    underlying: str
    quantity: int
    contract_size: Decimal
    trade_time_ist: str
    exit_time_ist: str
    max_loss_pct: Decimal
    max_profit_pct: Decimal
    delta_range_low: Decimal = Decimal("0.10")
    delta_range_high: Decimal = Decimal("0.15")
    strike_selection_mode: StrikeMode = StrikeMode.DELTA
    call_option_price_min: Decimal | None = None
    call_option_price_max: Decimal | None = None
    put_option_price_min: Decimal | None = None
    put_option_price_max: Decimal | None = None
    expected_move_multiple: Decimal | None = None
    expiry_rule: ExpiryRule = ExpiryRule.DTE
    expiry_date: date | None = None
    days_to_expiry: int = 1
    repeat: Repeat = Repeat.ONCE
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    entry_window_seconds: int = 300
    max_hold_minutes: int | None = None
    trailing_sl_enabled: bool = True
    trailing_rules: tuple[TrailingRule, ...] = ()
    max_spread_pct: Decimal | None = None
    min_open_interest: int | None = None
    min_depth: int | None = None
    min_credit: Decimal | None = None
    min_iv_pct: Decimal | None = None
    leg_stop_multiple: Decimal | None = None
    venue_stop_multiple: Decimal | None = None
    underlying_stop_pct: Decimal | None = None
    delta_stop: Decimal | None = None
    settlement_guard_minutes: int = 35
    naked_leg_seconds: int = 30
    naked_leg_delta_usd: Decimal | None = None
    order_attempts: int = 4
    order_timeout_seconds: int = 5
    max_slippage_pct: Decimal = Decimal(10)
    daily_loss_limit: Decimal | None = None
    max_sessions_per_day: int | None = None
    stale_quote_seconds: int = 60
