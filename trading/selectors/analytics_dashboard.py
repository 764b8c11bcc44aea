"""What the analytics dashboard reads: sums over the legs, one session's summary and its P&L over time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from trading.models import PositionLedger, StrategySession
from trading.selectors.sessions import pnl_points

ZERO = Decimal(0)


def leg_sums(mode: str = "") -> tuple[Decimal, Decimal]:
    """Realised (net of fees) and unrealised dollars of all legs, whether or not their session has ended; of one mode
    unless ``mode`` is empty.
    """
    legs = PositionLedger.objects.filter(session__mode=mode) if mode else PositionLedger.objects.all()
    sums = legs.aggregate(realized=Sum("realized_pnl"), unrealized=Sum("unrealized_pnl"))
    return sums["realized"] or ZERO, sums["unrealized"] or ZERO


def pnl_summary(session_id: int) -> dict[str, Any]:
    """The session's own totals; empty when there is no such session."""
    found = StrategySession.objects.filter(pk=session_id).values_list("pnl_summary", flat=True).first()
    return dict(found or {})


def net_over_time(session_id: int) -> list[tuple[datetime, float]]:
    """At most 400 moments of a session with its net P&L, the oldest first."""
    return [(point.at, point.net) for point in pnl_points(session_id)]
