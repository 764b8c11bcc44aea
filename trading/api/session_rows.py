"""Sessions as plain JSON, made without serializers for speed; ``trading.api.serializers`` describes the same shapes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from trading.models import OrderLedger
from trading.selectors.runtime_shape import config_numbers
from trading.selectors.session_views import LegSummary, Page, PnlRow, SessionItem
from trading.selectors.sessions import SessionDetail

TOTALS: Final = frozenset(
    {"realized", "unrealized", "total_pnl", "total_pnl_pct", "notional", "fees", "pnl_before_fees"}
    | {"max_drawdown_seen"}
)
"""What the list tells of ``pnl_summary``."""
LEG: Final = (
    *("symbol", "side", "entry_price", "exit_price", "quantity", "contract_size", "realized_pnl", "pnl_pct"),
    *("entry_time", "exit_time"),
)
ORDER: Final = (
    *("order_id", "client_order_id", "leg", "purpose", "attempt", "symbol", "side", "order_type"),
    *("time_in_force", "reduce_only", "quantity", "price", "decision_price", "filled_quantity", "fill_price"),
    *("status", "detail", "intended_at", "reported_at", "created_at", "raw_response"),
)
FILL: Final = ("fill_id", "symbol", "side", "quantity", "price", "commission", "role", "filled_at")
POSITION: Final = (
    *("leg", "symbol", "side", "entry_price", "exit_price", "quantity", "open_quantity", "contract_size"),
    *("realized_pnl", "unrealized_pnl", "fees", "entry_time", "exit_time", "trailing_sl_state", "analytics"),
)
DECISION: Final = ("at", "kind", "level", "message", "data")
CASH: Final = ("credits", "debits", "commissions", "net")


def page_body(page: Page[SessionItem]) -> dict[str, Any]:
    """A page of the list, each session with its totals and legs: what a table shows, in under a kilobyte a row."""
    told = {name: getattr(page, name) for name in ("total", "page", "page_size", "pages")}
    return {"items": [_listed(item) for item in page.items], **told}


def detail_body(detail: SessionDetail) -> dict[str, Any]:
    """All of one session: the list's fields, and the rest."""
    session = detail.session
    return {
        **_item(session),
        "phase": session.phase,
        "created_at": _iso(session.created_at),
        "configuration_id": session.configuration_id,
        "revision": session.revision,
        "pnl_summary": session.pnl_summary,
        "legs_summary": [_leg_in_full(leg) for leg in session.legs_summary],
        "config_snapshot": config_numbers(detail.config_values),
        "session_metadata": detail.metadata,
        "proof_of_flat": detail.proof_of_flat,
        "orders": [_order(order) for order in detail.orders],
        "positions": rows(detail.legs, POSITION),
        "decisions": rows(detail.decisions, DECISION),
        "pnl_points": [_point(point) for point in detail.pnl_points],
        "cash": row(detail.cash, CASH),
        "summary": detail.summary,
        "monitor_snapshot": detail.monitor_snapshot,
    }


def row(thing: object, names: Iterable[str]) -> dict[str, Any]:
    """The named attributes of ``thing``: amounts as numbers, times in ISO-8601 with an offset."""
    return {name: _plain(getattr(thing, name)) for name in names}


def rows(things: Iterable[object], names: Iterable[str]) -> list[dict[str, Any]]:
    """``row`` of each."""
    return [row(thing, names) for thing in things]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return _iso(value) if isinstance(value, datetime) else value


def _iso(at: datetime) -> str:
    text = at.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _item(item: SessionItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "strategy_id": item.strategy_id,
        "status": item.status,
        "mode": item.mode,
        "activated_at": _plain(item.activated_at),
        "deactivated_at": _plain(item.deactivated_at),
        "duration_seconds": item.duration_seconds,
        "exit_reason": item.exit_reason or None,
        "configuration_name": item.configuration_name,
    }


def _listed(item: SessionItem) -> dict[str, Any]:
    totals = {name: value for name, value in item.pnl_summary.items() if name in TOTALS}
    legs = [{**row(leg, LEG), "fees": {"total": _plain(leg.fees["total"])}} for leg in item.legs_summary]
    return {**_item(item), "pnl_summary": totals, "legs_summary": legs}


def _leg_in_full(leg: LegSummary) -> dict[str, Any]:
    fees = {name: _plain(value) for name, value in leg.fees.items()}
    return {"leg": leg.leg, **row(leg, LEG), "fees": fees}


def _order(order: OrderLedger) -> dict[str, Any]:
    return {**row(order, ORDER), "fills": rows(order.fills.all(), FILL)}


def _point(point: PnlRow) -> dict[str, Any]:
    return {**point._asdict(), "at": _iso(point.at)}
