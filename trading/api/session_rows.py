"""Sessions as plain JSON, made without serializers for speed; ``trading.api.serializers`` describes the same shapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from trading.models import OrderLedger, PositionLedger
from trading.selectors.runtime_shape import config_numbers
from trading.selectors.session_blobs import iso, leg_body, plain, position_analytics, reference_metadata, unrealized
from trading.selectors.session_views import Page, PnlRow, SessionItem
from trading.selectors.sessions import SessionDetail

TOTALS: Final = frozenset(
    {"realized", "unrealized", "total_pnl", "total_pnl_pct", "notional", "fees", "pnl_before_fees"}
    | {"max_drawdown_seen"}
)
"""What the list tells of ``pnl_summary``."""
TIMES: Final = ("activated_at", "deactivated_at")
LEG_TIMES: Final = ("entry_time", "exit_time")
LEG: Final = ("symbol", "side", "entry_price", "exit_price", "quantity", "contract_size", "realized_pnl", "pnl_pct")
ORDER: Final = (
    *("order_id", "client_order_id", "leg", "purpose", "attempt", "symbol", "side", "order_type"),
    *("time_in_force", "reduce_only", "quantity", "price", "decision_price", "filled_quantity", "fill_price"),
    *("status", "detail", "intended_at", "reported_at", "created_at", "raw_response"),
)
FILL: Final = ("fill_id", "symbol", "side", "quantity", "price", "commission", "role", "filled_at")
SETTLEMENT: Final = ("leg", "symbol", "side", "quantity", "price", "commission", "settled_at")
POSITION: Final = (
    *("leg", "symbol", "side", "entry_price", "exit_price", "quantity", "open_quantity", "contract_size"),
    *("realized_pnl", "unrealized_pnl", "fees", "entry_time", "exit_time", "trailing_sl_state", "analytics"),
)
DECISION: Final = ("at", "kind", "level", "message", "data")
CASH: Final = ("credits", "debits", "commissions", "net")


def page_body(page: Page[SessionItem], *, full: bool = False) -> dict[str, Any]:
    """A page of the list, each session with its totals and legs: what a table shows, in under a kilobyte a row.

    Times are to the second. ``full`` gives every field of the reference's list with all that is in it, except the
    points over time.
    """
    told = {name: getattr(page, name) for name in ("total", "page", "page_size", "pages")}
    listed = _listed_in_full if full else _listed
    return {"items": [listed(item) for item in page.items], **told}


def detail_body(detail: SessionDetail) -> dict[str, Any]:
    """All of one session: the list's fields, and the rest."""
    session = detail.session
    metadata = reference_metadata(session, legs=detail.legs, stored=detail.metadata, config=detail.config_values)
    points, summary = [_point(point) for point in detail.pnl_points], metadata["summary"]
    return {
        **_item(session),
        "configuration_name": session.configuration_name,
        "phase": session.phase,
        "created_at": iso(session.created_at),
        "configuration_id": session.configuration_id,
        "revision": session.revision,
        "pnl_summary": session.pnl_summary,
        "legs_summary": metadata["legs_summary"],
        "config_snapshot": config_numbers(detail.config_values),
        "session_metadata": metadata,
        "proof_of_flat": detail.proof_of_flat,
        "orders": [_order(order) for order in detail.orders],
        "settlements": rows(detail.settlements, SETTLEMENT),
        "positions": [_position(leg) for leg in detail.legs],
        "decisions": rows(detail.decisions, DECISION),
        "pnl_points": points,
        "cash": row(detail.cash, CASH),
        "summary": summary and {**summary, "pnl_history": [{"timestamp": p["at"], "pnl": p["net"]} for p in points]},
        "monitor_snapshot": metadata["runtime"]["monitor"],
    }


def row(thing: object, names: Iterable[str]) -> dict[str, Any]:
    """The named attributes of ``thing``: amounts as numbers, times in ISO-8601 with an offset."""
    return {name: plain(getattr(thing, name)) for name in names}


def rows(things: Iterable[object], names: Iterable[str]) -> list[dict[str, Any]]:
    """``row`` of each."""
    return [row(thing, names) for thing in things]


def _item(item: SessionItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "strategy_id": item.strategy_id,
        "status": item.status,
        "mode": item.mode,
        "activated_at": plain(item.activated_at),
        "deactivated_at": plain(item.deactivated_at),
        "duration_seconds": item.duration_seconds,
        "exit_reason": item.exit_reason or None,
    }


def _listed(item: SessionItem) -> dict[str, Any]:
    totals = {name: value for name, value in item.pnl_summary.items() if name in TOTALS}
    legs = [
        {**row(leg, LEG), **_to_the_second(leg, LEG_TIMES), "fees": {"total": plain(leg.fees["total"])}}
        for leg in item.legs_summary
    ]
    told = {**_item(item), **_to_the_second(item, TIMES), "pnl_summary": totals}
    return {**told, "session_metadata": {"config_id": item.configuration_id}, "legs_summary": legs}


def _to_the_second(thing: object, names: Iterable[str]) -> dict[str, str | None]:
    times = ((name, getattr(thing, name)) for name in names)
    return {name: None if at is None else iso(at, "seconds") for name, at in times}


def _listed_in_full(item: SessionItem) -> dict[str, Any]:
    legs = [leg_body(leg) for leg in item.legs_summary]
    whole = {"pnl_summary": item.pnl_summary, "session_metadata": item.metadata, "legs_summary": legs}
    return {**_item(item), "configuration_name": item.configuration_name, **whole}


def _position(leg: PositionLedger) -> dict[str, Any]:
    given = row(leg, POSITION)
    return {**given, "unrealized_pnl": plain(unrealized(leg)), "analytics": position_analytics(leg)}


def _order(order: OrderLedger) -> dict[str, Any]:
    return {**row(order, ORDER), "fills": rows(order.fills.all(), FILL)}


def _point(point: PnlRow) -> dict[str, Any]:
    at, net, gross, net_pct, level_pct, spot = point
    return {"at": iso(at), "net": net, "gross": gross, "net_pct": net_pct, "level_pct": level_pct, "spot": spot}
