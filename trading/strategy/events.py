"""What goes into ``decide`` and what comes out of it.

Events are everything the engine can learn; actions are everything it can do. Both are plain data, so that a session
can be recorded and replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.strategy.types import (
    Chain,
    ExitReason,
    Fill,
    MarginSeen,
    OrderIntent,
    OrderReport,
    Position,
    Quote,
    Settlement,
)


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; sent at least once a second."""

    at: datetime


@dataclass(frozen=True, slots=True)
class QuoteSeen:
    """A new quote of a watched option."""

    at: datetime
    quote: Quote


@dataclass(frozen=True, slots=True)
class SpotSeen:
    """A new index price of the underlying."""

    at: datetime
    price: Decimal


@dataclass(frozen=True, slots=True)
class MarketSeen:
    """Several new quotes, and perhaps the index price, that arrived together: judged as one look, so that no rule sees
    one leg of now beside the other leg of before.
    """

    at: datetime
    quotes: tuple[Quote, ...]
    spot: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ChainRead:
    """The answer to ``LoadChain``

    ``chain`` is None when the read failed and ``error`` says why. ``positions`` is what the account held then.
    ``margin`` is that of the strikes this chain offers; None when the venue was not asked.
    """

    at: datetime
    chain: Chain | None
    positions: tuple[Position, ...] = ()
    error: str = ""
    margin: MarginSeen | None = None


@dataclass(frozen=True, slots=True)
class OrderReported:
    """The venue's word on an order, from a reply, a query or the private stream."""

    at: datetime
    report: OrderReport


@dataclass(frozen=True, slots=True)
class FillSeen:
    """An execution; the same fill may arrive more than once, in any order."""

    at: datetime
    fill: Fill


@dataclass(frozen=True, slots=True)
class PositionsRead:
    """The answer to ``ReadPositions``.

    ``ok`` False means unknown, never flat. ``open_orders`` are client order ids resting at the venue, stops among them.
    ``answers`` is everything the account held and had resting, a line each, kept as evidence; ``raw`` the venue's own
    words, given only when nothing of ours was among them. ``whole`` False is a glance: positions alone, so
    ``open_orders`` says nothing.
    """

    at: datetime
    ok: bool
    positions: tuple[Position, ...] = ()
    open_orders: tuple[str, ...] = ()
    error: str = ""
    answers: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class FillsRead:
    """The answer to ``FetchFills`` is complete: every fill of these orders was told before."""

    at: datetime
    client_order_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettlementsRead:
    """The answer to ``ReadSettlements``: what the venue says by now; ``ok`` False means that nothing was learned.

    ``fills`` is how many fills of ours the question named: with more of them booked since, the answer is void.
    """

    at: datetime
    ok: bool
    settlements: tuple[Settlement, ...] = ()
    error: str = ""
    fills: int = 0


@dataclass(frozen=True, slots=True)
class PositionsChanged:
    """The venue told, unasked, what the account holds of one option now (signed contracts). A hint to compare, never
    the comparison itself: it may be late or repeated.
    """

    at: datetime
    symbol: str
    size: int


class Order(StrEnum):
    """What an operator may ask of a running session."""

    STOP = "stop"
    HAND_OVER = "hand_over"
    PANIC = "panic"


@dataclass(frozen=True, slots=True)
class Commanded:
    """An operator's command."""

    at: datetime
    order: Order
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LimitsSeen:
    """Facts about the day that live outside the session: realised net dollars of earlier sessions, sessions entered,
    and whether entries are allowed.
    """

    at: datetime
    realised_today: Decimal
    sessions_today: int
    entries_allowed: bool = True
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Adopted:
    """An operator gives the session ``size`` contracts short that no session owns.

    ``price`` is the entry price the venue reports; ``foreign`` is what the account held in ``symbol`` beside the
    session when it was read (signed). The same ``key`` twice is one adoption.
    """

    at: datetime
    symbol: str
    size: int
    price: Decimal | None
    foreign: int
    key: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class ForeignClosed:
    """Contracts that no session owns were closed through the engine; ``left`` (signed) is what remains of them."""

    at: datetime
    symbol: str
    left: int


Event = (
    Tick
    | QuoteSeen
    | SpotSeen
    | MarketSeen
    | ChainRead
    | OrderReported
    | FillSeen
    | PositionsRead
    | FillsRead
    | SettlementsRead
    | PositionsChanged
    | Commanded
    | LimitsSeen
    | Adopted
    | ForeignClosed
)


@dataclass(frozen=True, slots=True)
class LoadChain:
    """Read the option chain and the account's positions."""

    underlying: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Stream quotes of exactly these symbols."""

    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Commit this intent, then send it."""

    intent: OrderIntent


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel an order and report what became of it."""

    client_order_id: str
    venue_order_id: str
    product_id: int


@dataclass(frozen=True, slots=True)
class Query:
    """Ask the venue what became of an order; ``since`` is when it was sent."""

    client_order_id: str
    product_id: int
    since: datetime


@dataclass(frozen=True, slots=True)
class FetchFills:
    """Read the fills of these client order ids."""

    client_order_ids: tuple[str, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class ReadPositions:
    """Read positions and open orders of these symbols; with ``whole`` False only positions, by the cheapest read."""

    symbols: tuple[str, ...]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class ReadSettlements:
    """Ask what these options, which expired at ``expiry``, were settled at. ``since`` is when venue and ledger last
    agreed, ``fill_ids`` are our own fills: what else was traded since then is somebody else's.
    """

    symbols: tuple[str, ...]
    expiry: datetime
    since: datetime
    fill_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Journal:
    """A line for the decision feed: a machine name, a sentence for people, and the figures behind it."""

    kind: str
    message: str
    level: str = "info"
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finish:
    """The session is over; nothing is held or resting unless ``reason`` is handed_over."""

    reason: ExitReason


Action = LoadChain | Watch | Place | Cancel | Query | FetchFills | ReadPositions | ReadSettlements | Journal | Finish


class Verdict(StrEnum):
    """The result of one rule: it acts, it holds, it is switched off, or it cannot be judged (a missing or stale
    quote).
    """

    ACT = "act"
    HOLD = "hold"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One evaluated exit rule.

    ``value`` and ``threshold`` are in ``unit`` ("%", "$", "x", "s", "Δ"); ``progress`` is 0 (far) to 1 (acts), for
    the risk meters.
    """

    rule: ExitReason
    verdict: Verdict
    value: Decimal | None
    threshold: Decimal | None
    unit: str
    progress: float
    detail: str = ""
