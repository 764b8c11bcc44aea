"""What the engine needs of the world, as protocols: a venue, a store, a publisher and settings.

No Django, no network here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from trading.strategy.events import Event, Journal
from trading.strategy.types import Chain, ExitReason, Fill, OrderIntent, OrderReport, Phase, Position, StrategyParams


class VenueUnavailable(Exception):
    """A read failed. The truth at the venue is unknown, which is never the same as empty."""


class ModeUnavailable(Exception):
    """This process has no venue for a session's mode; the text tells an operator what is missing."""


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
    """How the link to the venue feels: newest quote's age and round trip in milliseconds, request weight left, skew in
    milliseconds.
    """

    connected: bool
    detail: str = ""
    round_trip_ms: float | None = None
    weight_left: int | None = None
    weight_limit: int | None = None
    skew_ms: float | None = None


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

    async def positions(self) -> list[Position]:
        """Everything the account holds."""
        ...

    async def open_orders(self) -> list[OrderReport]:
        """Every order resting at the venue."""
        ...

    async def balance(self) -> Balance:
        """The account's cash."""
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


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """An EngineCommand row that waits for the engine."""

    command_id: int
    action: str
    session_id: int | None
    actor: str
    reason: str
    leave_open: bool


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
class PnlSample:
    """One point of P&L over time, in dollars; ``level_pct`` is the trailing level in percent of the credit, if any."""

    at: datetime
    net: Decimal
    gross: Decimal
    net_pct: Decimal
    level_pct: Decimal | None
    spot: Decimal | None


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
    journal: tuple[tuple[datetime, Journal], ...] = ()
    at: datetime | None = None
    repeats: bool = False


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

    async def reopen(self, command_id: int) -> str:
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

    async def settle_command(self, command_id: int, *, ok: bool, result: Mapping[str, object]) -> None:
        """Record the outcome of a command."""
        ...

    async def trading_mode(self) -> str:
        """active, stop_entries, reduce_only or halted."""
        ...

    async def day_facts(self, day: date, exclude_session_id: int) -> DayFacts:
        """What other sessions of this IST day did, in the same mode of money as ``exclude_session_id``."""
        ...

    async def write(self, write: SessionWrite, *, token: int) -> None:
        """Commit one atomic write."""
        ...

    def sample(self, session_id: int, sample: PnlSample) -> None:
        """Queue a point of telemetry; bounded, written in bulk, never waits."""
        ...

    async def publish(self, payload: Mapping[str, object], *, owner: str) -> None:
        """Write the runtime snapshot row (also the worker's heartbeat) and hint the channel layer."""
        ...
