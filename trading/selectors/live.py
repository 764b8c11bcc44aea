"""Reads of the live page that the runtime snapshot does not carry."""

from __future__ import annotations

from trading.models import DecisionRecord, OrderLedger


def newest_decisions(session_id: int, limit: int) -> tuple[DecisionRecord, ...]:
    """The last ``limit`` lines of a session's decision feed, newest first."""
    return tuple(DecisionRecord.objects.filter(session_id=session_id)[:limit])


def orders_with_fills(session_id: int) -> tuple[OrderLedger, ...]:
    """All orders of a session, newest first, with their fills prefetched."""
    return tuple(OrderLedger.objects.filter(session_id=session_id).prefetch_related("fills").order_by("-id"))
