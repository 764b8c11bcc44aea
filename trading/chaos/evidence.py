"""What a run leaves behind: the exchange's truth, the ledger's rows, and what the driver saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from trading.venues.simulated.records import Truth

Span = tuple[int, int]
"""From and to, in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class LedgerFill:
    """A row of the fill ledger with its order's client id."""

    fill_id: str
    client_order_id: str
    symbol: str
    side: str
    size: int
    price: Decimal
    commission: Decimal


@dataclass(frozen=True, slots=True)
class LedgerOrder:
    """A row of the order ledger: contracts intended and filled, and the status as the ledger has it."""

    size: int
    filled: int
    status: str


@dataclass(frozen=True, slots=True)
class LedgerSettlement:
    """A row of the settlement ledger."""

    symbol: str
    size: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class LedgerSession:
    """A session with what it says of itself. ``said`` are the kinds of its journal's lines, ``hash`` that of its
    ``decisions``.
    """

    strategy_id: str
    status: str
    phase: str
    exit_reason: str
    realised: Decimal
    open_contracts: int
    naked_budget: float
    entered: bool
    said: frozenset[str]
    hash: str = ""
    decisions: int = 0


@dataclass(frozen=True, slots=True)
class LedgerBook:
    """Everything our side has on disk; orders by client id."""

    sessions: tuple[LedgerSession, ...]
    orders: dict[str, LedgerOrder]
    fills: tuple[LedgerFill, ...]
    settlements: tuple[LedgerSettlement, ...] = ()


@dataclass(frozen=True, slots=True)
class Death:
    """A kill that happened: where, in which phase, when (venue time), and how the worker's successor fared."""

    point: str
    phase: str
    at: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """From a restart to guarding: ``wall`` seconds of work and the ``venue`` seconds that were waited for meanwhile;
    ``hindered`` by a fault of the exchange that held or struck before the guard stood.
    """

    wall: float
    venue: float
    hindered: bool = False

    @property
    def seconds(self) -> float:
        """Both together: what it would have taken if time had not been stepped."""
        return self.wall + self.venue


@dataclass(slots=True)
class Seen:
    """What the driver notes on the way. ``most`` is what was outstanding at most per symbol, in contracts."""

    deaths: list[Death] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    down: list[Span] = field(default_factory=list)
    struck: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    replays: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it. ``ended`` is the venue time at the end, in microseconds since 1970."""

    truth: Truth
    pending: int
    book: LedgerBook
    seen: Seen
    quantity: int
    ended: int
