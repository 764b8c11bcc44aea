"""Orders and legs of sessions in the shape of the reference's timeline (``reference_product.md`` §5.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet

from trading.models import OrderLedger, PositionLedger

SESSIONS_AT_ONCE: Final = 200
LEG_FIELDS: Final = (
    "id",
    "session_id",
    "symbol",
    "side",
    "quantity",
    "exit_price",
    "realized_pnl",
    "unrealized_pnl",
    "fees",
    "entry_time",
    "exit_time",
)
ORDER_FIELDS: Final = (
    "session_id",
    "order_id",
    "client_order_id",
    "symbol",
    "side",
    "quantity",
    "price",
    "fill_price",
    "status",
    "intended_at",
)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """An order, or a leg (``position``). Venue times; P&L is the leg's, dollars net of fees, also at orders."""

    timestamp: datetime
    session_id: int
    entry_type: str
    order_id: str | None
    position_id: int | None
    symbol: str
    side: str
    quantity: int
    price: Decimal | None
    fill_price: Decimal | None
    realized_pnl: Decimal | None
    unrealized_pnl: Decimal | None
    metadata: dict[str, Any]


def timeline(session_ids: Sequence[int]) -> list[TimelineEntry]:
    """All orders and legs of the sessions, the oldest first. Two queries."""
    legs = list(PositionLedger.objects.filter(session_id__in=session_ids).order_by("id").values(*LEG_FIELDS))
    of_symbol: dict[tuple[int, str], dict[str, Any]] = {}
    for leg in legs:
        of_symbol.setdefault((leg["session_id"], leg["symbol"]), leg)
    orders = OrderLedger.objects.filter(session_id__in=session_ids).order_by("id").values(*ORDER_FIELDS)
    entries = [_order(row, of_symbol.get((row["session_id"], row["symbol"]), {})) for row in orders]
    entries += [_leg(leg) for leg in legs if leg["exit_time"] or leg["entry_time"]]
    return sorted(entries, key=lambda entry: entry.timestamp)


def stream_timeline(session_ids: Sequence[int]) -> Iterator[TimelineEntry]:
    """The same for any number of sessions, in their order; two queries for every 200 of them."""
    for start in range(0, len(session_ids), SESSIONS_AT_ONCE):
        yield from timeline(session_ids[start : start + SESSIONS_AT_ONCE])


def timeline_count(sessions: QuerySet[Any, Any]) -> int:
    """How many entries the timeline of ``sessions``, a query of session ids, has. Two queries."""
    orders = OrderLedger.objects.filter(session_id__in=sessions)
    legs = PositionLedger.objects.filter(session_id__in=sessions)
    return orders.count() + legs.exclude(entry_time=None, exit_time=None).count()


def _order(row: dict[str, Any], leg: dict[str, Any]) -> TimelineEntry:
    return TimelineEntry(
        timestamp=row["intended_at"],
        session_id=row["session_id"],
        entry_type="order",
        order_id=row["order_id"] or row["client_order_id"],
        position_id=None,
        symbol=row["symbol"],
        side=row["side"],
        quantity=row["quantity"],
        price=row["price"],
        fill_price=row["fill_price"],
        realized_pnl=leg.get("realized_pnl"),
        unrealized_pnl=leg.get("unrealized_pnl"),
        metadata={"status": row["status"], "fees": _fees(leg)},
    )


def _leg(leg: dict[str, Any]) -> TimelineEntry:
    ended = leg["exit_time"] is not None
    return TimelineEntry(
        timestamp=leg["exit_time"] or leg["entry_time"],
        session_id=leg["session_id"],
        entry_type="position",
        order_id=None,
        position_id=leg["id"],
        symbol=leg["symbol"],
        side=leg["side"],
        quantity=leg["quantity"],
        price=leg["exit_price"],
        fill_price=None,
        realized_pnl=leg["realized_pnl"],
        unrealized_pnl=leg["unrealized_pnl"],
        metadata={"event": "position_exit" if ended else "position_update", "fees": _fees(leg)},
    )


def _fees(leg: dict[str, Any]) -> float:
    return float(leg.get("fees") or 0)
