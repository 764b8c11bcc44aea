"""Results by weekday, entry hour, exit reason and configuration revision: one query each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, Sum

from analytics.selectors.metrics import WON
from analytics.selectors.scope import Snapshots
from analytics.stats import HUNDRED, ratio

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DIMENSIONS: Final = {
    "weekday": ("weekday",),
    "entry_hour": ("entry_hour",),
    "exit_reason": ("exit_reason",),
    "revision": ("configuration_name", "configuration_id", "revision"),
}
SUMS: Final = ("net", "fees", "credit", "slippage")


def breakdowns_of(sessions: Snapshots) -> dict[str, list[dict[str, Any]]]:
    """All breakdowns by their name; weekday and hour are IST."""
    return {name: breakdown(sessions, fields) for name, fields in DIMENSIONS.items()}


def breakdown(sessions: Snapshots, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """One row for each value of ``fields``: sessions, wins, win rate, sums and the average of net dollars."""
    grouped = sessions.order_by(*fields).values(*fields)
    rows = grouped.annotate(
        sessions=Count("id"), wins=Count("id", filter=WON), **{f"sum_{name}": Sum(name) for name in SUMS}
    )
    return [_row(row, fields) for row in rows]


def _row(row: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    count: int = row["sessions"]
    sums: dict[str, Decimal] = {name: row[f"sum_{name}"] for name in SUMS}
    return {
        "label": _label(row, fields),
        **{name: row[name] for name in fields},
        "sessions": count,
        "wins": row["wins"],
        "win_rate": ratio(row["wins"] * HUNDRED, count),
        "net_pnl": sums["net"],
        "average_pnl": ratio(sums["net"], count),
        "fees_total": sums["fees"],
        "credit_total": sums["credit"],
        "slippage_total": sums["slippage"],
    }


def _label(row: dict[str, Any], fields: tuple[str, ...]) -> str:
    if fields == ("weekday",):
        return WEEKDAYS[row["weekday"]]
    if fields == ("entry_hour",):
        return f"{row['entry_hour']:02}:00"
    if "revision" in fields:
        return f"{row['configuration_name']} r{row['revision']}"
    return str(row[fields[0]] or "unknown")
