"""The newest session in a few figures (``reference_product.md`` §5.1)."""

from __future__ import annotations

from typing import Any, Final

from django.utils import timezone

from analytics.models import SessionSnapshot
from analytics.selectors.scope import ALL, Scope
from analytics.stats import HUNDRED, ZERO, ratio
from trading.selectors.analytics_dashboard import leg_sums, net_over_time, pnl_summary

DOLLARS: Final = "USD"
PERCENT: Final = "pct"


def dashboard(scope: Scope) -> dict[str, Any]:
    """The newest snapshot of the mode (of a session that traded); without one, sums over all legs and empty charts."""
    newest = _of_mode(scope).order_by("-closed_at", "-id").first()
    if newest is None:
        return {
            "generated_at": timezone.now(),
            "mode": scope.mode,
            "session_id": None,
            "strategy_id": None,
            "kpis": _without_sessions(scope),
            "chart_data": {"pnl": [], "realized": [], "unrealized": []},
        }
    return {
        "generated_at": newest.recorded_at,
        "mode": newest.mode,
        "session_id": newest.session_id,
        "strategy_id": newest.strategy_id,
        "kpis": _kpis(newest, pnl_summary(newest.session_id)),
        "chart_data": _charts(newest),
    }


def _of_mode(scope: Scope) -> Any:
    traded = SessionSnapshot.objects.filter(traded=True)
    if scope.wish.strategy_id:
        traded = traded.filter(strategy_id=scope.wish.strategy_id)
    return traded if scope.mode == ALL else traded.filter(mode=scope.mode)


def _without_sessions(scope: Scope) -> list[dict[str, Any]]:
    realized, unrealized = leg_sums("" if scope.mode == ALL else scope.mode)
    return [_kpi("Realized PnL", realized), _kpi("Unrealized PnL", unrealized)]


def _kpi(label: str, value: object, unit: str = DOLLARS) -> dict[str, Any]:
    return {"label": label, "value": value, "trend": None, "unit": unit}


def _kpis(newest: SessionSnapshot, summary: dict[str, Any]) -> list[dict[str, Any]]:
    kpis = [
        _kpi("Realized PnL", newest.net),
        _kpi("Unrealized PnL", ZERO),
        _kpi("Net PnL", newest.net),
        _kpi("PnL Before Fees", newest.gross),
        _kpi("Total Fees Paid", newest.fees),
        _kpi("Max Profit Seen", newest.best),
        _kpi("Max Profit Seen %", ratio(newest.best * HUNDRED, newest.credit), PERCENT),
    ]
    if summary.get("trailing_enabled"):
        kpis.append(_kpi("Trailing Level %", summary.get("trailing_level_pct"), PERCENT))
    return kpis


def _charts(newest: SessionSnapshot) -> dict[str, list[dict[str, Any]]]:
    """Points in epoch seconds. What a session has realised changes at its end only."""
    points = net_over_time(newest.session_id)
    return {
        "pnl": [{"timestamp": at.timestamp(), "value": net} for at, net in points],
        "realized": [{"timestamp": newest.closed_at.timestamp(), "value": newest.net}],
        "unrealized": [{"timestamp": at.timestamp(), "value": net} for at, net in points if at < newest.closed_at],
    }
