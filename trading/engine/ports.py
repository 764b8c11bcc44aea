"""What the engine needs of the world, as protocols: a venue, a store, a publisher and settings.

No Django, no network here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable

from trading.strategy.events import Event, Journal, ReadSettlements
from trading.strategy.types import (
    Chain,
    ChainRow,
    ExitReason,
    Fill,
    OrderIntent,
    OrderReport,
    OrderStatus,
    OrderType,
    Phase,
    Position,
    Settlement,
    Side,
    StrategyParams,
    TimeInForce,
)


class VenueUnavailable(Exception):
    """A read failed. The truth at the venue is unknown, which is never the same as empty."""


class ModeUnavailable(Exception):
    """This process has no venue for a session's mode; the text tells an operator what is missing."""


class WriteRefused(Exception):
    """The store will not take this write, however often it is tried."""


class LeaseLost(Exception):
    """Another worker holds the engine lease; this one must not act."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Cash of the account in dollars: all of it, what is free, and what margin holds."""

    cash: Decimal
    available: Decimal
    margin: Decimal


@dataclass(frozen=True, slots=True)
class VenueHealth:
    """How the link to the venue feels: what is wrong in words, and of that what cannot be read and why; round trips in
    milliseconds (median and 99th percentile), request weight left, skew in milliseconds, age in wall seconds of the
    oldest quote that is watched, and how many answers of the last five minutes were HTTP 429.
    """

    connected: bool
    detail: str = ""
    unread: str = ""
    round_trip_ms: float | None = None
    weight_left: int | None = None
    weight_limit: int | None = None
    skew_ms: float | None = None
    round_trip_p99_ms: float | None = None
    quote_age_seconds: float | None = None
    throttled: int | None = None


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How the store feels: 99th percentile of the last minute's writes in milliseconds, and the free megabytes of the
    fullest file system that database and tapes are on. None is not known.
    """

    write_p99_ms: float | None = None
    disk_free_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something an operator should hear of that belongs to no ledger write.

    ``severity`` is info, warning or critical; while ``key`` is open it is told once; ``ends`` is the key of the notice
    that this one closes. One without a title only closes, and is told to nobody.
    """

    kind: str
    severity: str
    title: str
    message: str
    key: str
    session_id: int | None = None
    ends: str = ""


class Venue(Protocol):
    """An exchange account.

    Reads raise VenueUnavailable; writes never raise: what happened is in the report (rejected, unknown).
    """

    @property
    def name(self) -> str:
        """Short name shown to people, e.g. ``simulated``."""
        ...

    def now(self) -> datetime:
        """The venue's clock, aware UTC. The engine has no other clock."""
        ...

    async def connect(self) -> None:
        """Open streams and catch up. Idempotent."""
        ...

    async def close(self) -> None:
        """Release the connection; the account goes on without us."""
        ...

    async def chain(self, underlying: str) -> Chain:
        """All live options of ``underlying`` with quotes."""
        ...

    async def watch(self, underlying: str, symbols: Sequence[str]) -> None:
        """Stream quotes of exactly these symbols, the index of ``underlying``, and this account's orders and fills."""
        ...

    async def poll(self) -> list[Event]:
        """Everything that arrived since the last poll (quotes, spot, order reports, fills), without waiting."""
        ...

    async def wait(self, seconds: float) -> None:
        """Sleep until something arrived or ``seconds`` of wall time passed."""
        ...

    async def place(self, intent: OrderIntent) -> OrderReport:
        """Send an order once. Never retries."""
        ...

    async def cancel(self, client_order_id: str, venue_order_id: str, product_id: int) -> OrderReport:
        """Cancel an order and report its final state."""
        ...

    async def order(self, client_order_id: str, product_id: int, since: datetime) -> OrderReport:
        """What became of an order: accepted with its state, absent when that is conclusive, else unknown."""
        ...

    async def fills(self, client_order_ids: Sequence[str], since: datetime) -> list[Fill]:
        """All fills of these orders."""
        ...

    async def positions(self, underlying: str = "") -> list[Position]:
        """Everything the account holds; given an ``underlying``, what it holds of that one, by the cheapest read."""
        ...

    async def open_orders(self) -> list[OrderReport]:
        """Every order resting at the venue, stops that wait for their trigger among them."""
        ...

    async def settlements(self, asked: ReadSettlements) -> list[Settlement]:
        """What the venue settled expired options at. One of which it does not say so by now is left out."""
        ...

    async def balance(self) -> Balance:
        """The account's cash."""
        ...

    async def margin_required(self, rows: Sequence[ChainRow], size: int) -> Decimal | None:
        """Dollars that selling ``size`` contracts of each would bind, before the premium received. None when the venue
        is set up not to be asked; VenueUnavailable when it does not say.
        """
        ...

    def health(self) -> VenueHealth:
        """How the link feels right now."""
        ...


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """An open session as the store knows it.

    ``state`` is the last saved strategy state (JSON text) or empty for a fresh session.
    """

    session_id: int
    strategy_id: str
    mode: str
    configuration_id: int | None
    configuration_name: str
    revision: int
    params: StrategyParams
    enter_now: bool
    state: str
    not_before: date | None = None
    decision_hash: str = ""
    decision_count: int = 0


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """An EngineCommand row that waits for the engine."""

    command_id: int
    action: str
    session_id: int | None
    actor: str
    reason: str
    leave_open: bool
    payload: Mapping[str, object] = field(default_factory=dict)
    progress: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """An order at rest, as far as the venue tells: whose id, of what, how much."""

    client_order_id: str
    venue_order_id: str
    symbol: str = ""
    side: str = ""
    size: int = 0
    filled: int = 0


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """What a session read of its account, all of it: every position, and every order at rest."""

    positions: tuple[Position, ...]
    resting: tuple[OrderReport, ...]


@dataclass(frozen=True, slots=True)
class AccountPicture:
    """One mode's account as read just now; with an ``error`` nothing was learned."""

    mode: str
    positions: tuple[Position, ...] = ()
    orders: tuple[RestingOrder, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order with everything the venue remembers of it, to rebuild a ledger from."""

    client_order_id: str
    venue_order_id: str
    symbol: str
    product_id: int
    side: Side
    size: int
    filled: int
    status: OrderStatus
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None
    average_price: Decimal | None
    reduce_only: bool
    created_at: datetime


@runtime_checkable
class RecordKeeper(Protocol):
    """A venue that remembers. Reads raise VenueUnavailable."""

    async def resting_orders(self) -> list[VenueOrder]:
        """Every order at rest, anybody's."""
        ...

    async def past_orders(self, since: datetime) -> list[VenueOrder]:
        """Every order that has ended, since a venue time, anybody's."""
        ...

    async def executions(self, since: datetime) -> list[Fill]:
        """Every fill since a venue time of an order with a client order id, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What earlier sessions of this IST day did: realised net dollars and how many entered."""

    realised: Decimal
    sessions: int


@dataclass(frozen=True, slots=True)
class LegRecord:
    """One leg for PositionLedger. Prices are the VWAP of the venue's fills; P&L is dollars, net of the fees paid."""

    leg: str
    symbol: str
    side: str
    quantity: int
    open_quantity: int
    contract_size: Decimal
    entry_price: Decimal | None
    exit_price: Decimal | None
    realized_pnl: Decimal
    fees: Decimal
    entry_time: datetime | None
    exit_time: datetime | None
    analytics: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """Everything the store keeps of a session besides orders and fills, written in one transaction."""

    phase: Phase
    state: str
    activated_at: datetime | None
    deactivated_at: datetime | None
    exit_reason: ExitReason | None
    pnl_summary: Mapping[str, object]
    metadata: Mapping[str, object]
    legs: tuple[LegRecord, ...]


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order's newest state for OrderLedger."""

    client_order_id: str
    venue_order_id: str
    status: str
    filled: int
    average_price: Decimal | None
    detail: str
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class SettlementRecord:
    """Contracts of a leg that the venue settled at expiry, for SettlementLedger.

    ``commission`` is the venue's fee in dollars.
    """

    leg: str
    symbol: str
    quantity: int
    price: Decimal
    commission: Decimal
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class PnlSample:
    """One point of P&L over time, in dollars; ``level_pct`` is the trailing level in percent of the credit, if any."""

    at: datetime
    net: Decimal
    gross: Decimal
    net_pct: Decimal
    level_pct: Decimal | None
    spot: Decimal | None


@dataclass(frozen=True, slots=True)
class TraceStretch:
    """Looks at the exit rules with the same verdicts, from the first to the last.

    ``results`` are the rules of the last look as JSON values (rule, verdict, value, threshold, unit, progress,
    detail), each with its ``peak`` progress in the stretch and when that was (``peak_at``).
    """

    first_at: datetime
    last_at: datetime
    looks: int
    phase: Phase
    nearest_rule: str
    nearest_progress: float
    results: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True)
class SessionWrite:
    """One atomic write: the session, the intents that must be on disk before their requests leave, reports, fills and
    the journal. ``repeats`` says that the session just closed and its configuration goes on with the next one, which
    opens in the same transaction: no crash in between can end a daily configuration.
    """

    session_id: int
    record: SessionRecord
    intents: tuple[OrderIntent, ...] = ()
    orders: tuple[OrderRecord, ...] = ()
    fills: tuple[Fill, ...] = ()
    settlements: tuple[SettlementRecord, ...] = ()
    journal: tuple[tuple[datetime, Journal], ...] = ()
    at: datetime | None = None
    repeats: bool = False
    decision_hash: str = ""
    decision_count: int = 0
    traces: tuple[TraceStretch, ...] = ()


class Store(Protocol):
    """The database as the engine sees it.

    Every write carries the fencing token and raises LeaseLost when another worker took over.
    """

    async def claim_lease(self, owner: str, seconds: float) -> int | None:
        """Claim or renew the engine lease; returns the fencing token, or None while another owner holds it."""
        ...

    async def release_lease(self, owner: str) -> None:
        """Give the lease up at once (clean shutdown)."""
        ...

    async def lease_holder(self) -> str:
        """Who holds the lease now, for messages; empty if nobody."""
        ...

    async def open_session(self) -> SessionSpec | None:
        """The one session that is not closed, or None."""
        ...

    async def reopen(self, command_id: int, *, token: int) -> str:
        """Open the session that a restart asked for, now that the old one is closed; its strategy id, or empty when it
        cannot be opened. Asked twice (a crash in between) it opens one.
        """
        ...

    async def samples(self, session_id: int) -> list[PnlSample]:
        """Stored P&L points of a session, oldest first, at most a few hundred."""
        ...

    async def pending_commands(self) -> list[PendingCommand]:
        """Commands that wait, oldest first."""
        ...

    async def settle_command(self, command_id: int, *, ok: bool, result: Mapping[str, object], token: int) -> None:
        """Record the outcome of a command."""
        ...

    async def note_command(self, command_id: int, progress: Mapping[str, object], *, token: int) -> None:
        """Note how far a pending command has come, before the next thing that must not be forgotten."""
        ...

    async def save_account(self, picture: AccountPicture) -> None:
        """Keep an account's picture; one with an error keeps the picture before it, and the error."""
        ...

    async def idle_mode(self) -> str:
        """The mode of the active configuration; paper when there is none."""
        ...

    async def trading_mode(self) -> str:
        """active, stop_entries, reduce_only or halted."""
        ...

    async def day_facts(self, day: date, exclude_session_id: int) -> DayFacts:
        """What other sessions of this IST day did, in the same mode of money as ``exclude_session_id``; after a lockout
        was lifted, those since.
        """
        ...

    async def entry_lock(self, mode: str, day: date) -> str:
        """Why entries of this mode are locked on this IST day; empty when they are not."""
        ...

    async def health(self) -> StoreHealth:
        """How the store feels right now."""
        ...

    def notice(self, notice: Notice) -> None:
        """Have an operator told; never waits and never fails."""
        ...

    async def write(self, write: SessionWrite, *, token: int) -> None:
        """Commit one atomic write."""
        ...

    def sample(self, session_id: int, sample: PnlSample) -> None:
        """Queue a point of telemetry; bounded, written in bulk, never waits."""
        ...

    def trace(self, session_id: int, stretches: Sequence[TraceStretch]) -> None:
        """Queue stretches of the decision trace, as ``sample`` does points."""
        ...

    async def publish(self, payload: Mapping[str, object], *, owner: str) -> None:
        """Write the runtime snapshot row (also the worker's heartbeat) and hint the channel layer."""
        ...
