"""Single sessions of a scope: excursions, slippage and the causes of their P&L."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from analytics.models import SessionSnapshot
from analytics.selectors.metrics import CAUSES
from analytics.selectors.scope import Scope
from analytics.stats import HUNDRED, cents, ratio, to_the_cent
from trading.selectors.session_views import Page


def sessions_page(scope: Scope, *, page: int = 1, page_size: int = 25) -> Page[SessionSnapshot]:
    """The sessions of a scope that traded. Two queries."""
    newest = scope.traded().order_by("-closed_at", "-id")
    return Page(list(newest[(page - 1) * page_size : page * page_size]), newest.count(), page, page_size)


def attribution(row: SessionSnapshot) -> dict[str, Decimal]:
    """The causes of one session's net P&L in cents; without ``total`` they sum to ``total``."""
    parts = {name: getattr(row, f"{name}_pnl") for name in CAUSES[:5]}
    parts |= {"slippage": row.slippage, "fees": -row.fees}
    return {**to_the_cent(parts, row.net), "total": cents(row.net)}


def session_figures(row: SessionSnapshot) -> dict[str, Any]:
    """One session in the API's names; dollars. ``mfe`` and ``mae`` are its best and worst net P&L."""
    return {
        "session_id": row.session_id,
        "strategy_id": row.strategy_id,
        "mode": row.mode,
        "configuration_id": row.configuration_id,
        "configuration_name": row.configuration_name,
        "revision": row.revision,
        "exit_reason": row.exit_reason,
        "trading_day": row.trading_day,
        "entered_at": row.entered_at,
        "closed_at": row.closed_at,
        "hold_seconds": row.hold_seconds,
        "credit": row.credit,
        "net_pnl": row.net,
        "pnl_before_fees": row.gross,
        "fees": row.fees,
        "fees_pct_of_credit": ratio(row.fees * HUNDRED, row.credit),
        "cash": row.cash,
        "margin": row.margin,
        "mfe": row.best,
        "mae": row.worst,
        "slippage": row.slippage,
        "attribution": attribution(row),
        "open_quantity": row.open_quantity,
        "remark": row.remark,
    }
