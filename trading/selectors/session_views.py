"""What is shown of a session: plain values, computed once from its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

from trading.models import FillLedger, PositionLedger, SettlementLedger, StrategySession

T = TypeVar("T")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``page`` counts from 1."""

    items: Sequence[T]
    total: int
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        """How many pages there are; none for an empty list."""
        return -(-self.total // self.page_size)


class LegSummary(NamedTuple):
    """One leg in the reference's fields. ``realized_pnl`` is dollars net of fees, ``pnl_pct`` percent of the credit.
    ``fees`` has the ``total``; in a session's detail also what it was made of.
    """

    leg: str
    symbol: str
    side: str
    entry_price: Decimal | None
    exit_price: Decimal | None
    quantity: int
    contract_size: Decimal
    realized_pnl: Decimal | None
    pnl_pct: Decimal | None
    entry_time: datetime | None
    exit_time: datetime | None
    fees: dict[str, Any]


class SessionItem(NamedTuple):
    """A session in a list. ``duration_seconds`` is venue time from entry to the end, or to now; 0 before an entry.

    ``metadata`` is the reference's ``session_metadata`` where it was asked for, else None.
    """

    id: int
    strategy_id: str
    status: str
    phase: str
    mode: str
    created_at: datetime
    activated_at: datetime | None
    deactivated_at: datetime | None
    duration_seconds: int
    exit_reason: str
    configuration_id: int | None
    configuration_name: str
    revision: int
    pnl_summary: dict[str, Any]
    legs_summary: list[LegSummary]
    metadata: dict[str, Any] | None = None


class ListedLeg(NamedTuple):
    """What a list reads of a leg, under the names of ``PositionLedger``; not its ``analytics``."""

    session_id: int
    leg: str
    symbol: str
    side: str
    quantity: int
    contract_size: Decimal
    entry_price: Decimal | None
    exit_price: Decimal | None
    realized_pnl: Decimal | None
    fees: Decimal
    entry_time: datetime | None
    exit_time: datetime | None
    analytics: None = None


class ListedSession(NamedTuple):
    """What a list reads of a session, under the names of ``StrategySession`` and its annotations."""

    pk: int
    strategy_id: str
    status: str
    phase: str
    mode: str
    created_at: datetime
    activated_at: datetime | None
    deactivated_at: datetime | None
    exit_reason: str
    configuration_id: int | None
    configuration_name: str
    revision_number: int
    pnl_summary: dict[str, Any]


class PnlRow(NamedTuple):
    """P&L at one moment, to be drawn, hence no Decimal: dollars on cost to close, percent of the credit, the index."""

    at: datetime
    net: float
    gross: float
    net_pct: float
    level_pct: float | None
    spot: float | None


@dataclass(frozen=True, slots=True)
class Cash:
    """What fills and settlements did, in dollars: ``net`` = ``credits`` − ``debits`` − ``commissions``."""

    credits: Decimal
    debits: Decimal
    commissions: Decimal

    @property
    def net(self) -> Decimal:
        """The change of cash."""
        return self.credits - self.debits - self.commissions


def session_item(row: Any, legs: Iterable[PositionLedger | ListedLeg], now: datetime | None) -> SessionItem:
    """A list's row of ``row``, annotated with ``configuration_name`` and ``revision_number``, and its ``legs``.

    ``now`` is the venue's clock, needed for a running session that has entered.
    """
    return SessionItem(
        id=row.pk,
        strategy_id=row.strategy_id,
        status=row.status,
        phase=row.phase,
        mode=row.mode,
        created_at=row.created_at,
        activated_at=row.activated_at,
        deactivated_at=row.deactivated_at,
        duration_seconds=_duration(row, now),
        exit_reason=row.exit_reason,
        configuration_id=row.configuration_id,
        configuration_name=row.configuration_name,
        revision=row.revision_number,
        pnl_summary=row.pnl_summary,
        legs_summary=[leg_summary(leg) for leg in legs],
    )


def leg_summary(leg: PositionLedger | ListedLeg) -> LegSummary:
    """One leg in the reference's fields."""
    analytics = leg.analytics or {}
    fees = analytics.get("fees")
    return LegSummary(
        leg=leg.leg,
        symbol=leg.symbol,
        side=leg.side,
        entry_price=leg.entry_price,
        exit_price=leg.exit_price,
        quantity=leg.quantity,
        contract_size=leg.contract_size,
        realized_pnl=leg.realized_pnl,
        pnl_pct=pct_of_credit(leg, leg.realized_pnl),
        entry_time=leg.entry_time,
        exit_time=leg.exit_time,
        fees={**(fees if isinstance(fees, Mapping) else {}), "total": leg.fees},
    )


def cash_of(
    fills: Iterable[FillLedger | SettlementLedger], legs: Iterable[PositionLedger], values: Mapping[str, Any]
) -> Cash:
    """The cash of fills and settlements, exact: price × contracts × units per contract (the leg's, else the
    configuration's).
    """
    sizes = {leg.symbol: leg.contract_size for leg in legs}
    usual = Decimal(str(values.get("contract_size") or 0))
    credit = debit = commission = ZERO
    for fill in fills:
        amount = fill.price * fill.quantity * sizes.get(fill.symbol, usual)
        commission += fill.commission
        if fill.side == "sell":
            credit += amount
        else:
            debit += amount
    return Cash(credit, debit, commission)


def _duration(row: StrategySession | ListedSession, now: datetime | None) -> int:
    end = row.deactivated_at or now
    if row.activated_at is None or end is None:
        return 0
    return max(0, int((end - row.activated_at).total_seconds()))


def pct_of_credit(leg: PositionLedger | ListedLeg, amount: Decimal | None) -> Decimal | None:
    """``amount`` in percent of what the leg was sold for; None without either."""
    if amount is None or not leg.entry_price:
        return None
    credit = leg.entry_price * leg.quantity * leg.contract_size
    return (amount / credit * 100).quantize(Decimal("0.0001")) if credit else None
