"""The figures of a scope: exact sums from the database, what depends on the order of sessions from ``analytics.stats``.

Every sum is once net of fees: a leg's realised P&L already is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

from django.db.models import BigIntegerField, Count, Max, Min, Q, Sum
from django.db.models.functions import Cast

from analytics import stats
from analytics.fields import dollars
from analytics.selectors.scope import Snapshots
from analytics.stats import HUNDRED, ZERO, ratio

CAUSES: Final = ("delta", "gamma", "theta", "vega", "residual", "slippage", "fees")
WON: Final = Q(net__gt=0)
LOST: Final = Q(net__lt=0)
BUCKET_EDGE: Final = Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class Series:
    """The results of sessions, by their snapshots' ids, in the order in which they ended. Amounts are 1e-8 dollars, as
    they are stored: whole numbers are exact, and thousands of them are added up much faster.
    """

    ids: Sequence[int]
    net: Sequence[int]
    fees: Sequence[int]
    drawdown: Sequence[int]


@dataclass(frozen=True, slots=True)
class Day:
    """One IST day's sessions. ``basis`` is the margin they held, or their credit."""

    day: date
    sessions: int
    wins: int
    net: Decimal
    gross: Decimal
    fees: Decimal
    margin: Decimal
    credit: Decimal


def totals_of(sessions: Snapshots) -> dict[str, Any]:
    """Counts and sums in one query."""
    sums = {name: Sum(name) for name in ("net", "gross", "fees", "credit", "slippage", "best", "worst", "hold_seconds")}
    causes = {f"{name}_pnl": Sum(f"{name}_pnl") for name in ("delta", "gamma", "theta", "vega", "residual")}
    found: dict[str, Any] = sessions.order_by().aggregate(
        count=Count("id"),
        wins=Count("id", filter=WON),
        losses=Count("id", filter=LOST),
        won=Sum("net", filter=WON),
        lost=Sum("net", filter=LOST),
        most=Max("net"),
        least=Min("net"),
        with_margin=Count("margin"),
        odd=Count("id", filter=~Q(remark="")),
        latest=Max("closed_at"),
        **sums,
        **causes,
    )
    return {name: ZERO if value is None and name != "latest" else value for name, value in found.items()}


def series_of(sessions: Snapshots) -> Series:
    """The result of every session, in one query."""
    rows = list(sessions.values_list("id", Cast("net", BigIntegerField()), Cast("fees", BigIntegerField())))
    net = [row[1] for row in rows]
    return Series([row[0] for row in rows], net, [row[2] for row in rows], stats.drawdowns(net))


def days_of(sessions: Snapshots) -> list[Day]:
    """Sums by IST day, in order, in one query."""
    sums = {f"day_{name}": Sum(name) for name in ("net", "gross", "fees", "margin", "credit")}
    rows = sessions.order_by("trading_day").values("trading_day")
    found = rows.annotate(count=Count("id"), wins=Count("id", filter=WON), **sums)
    told: Iterable[Any] = found.values_list("trading_day", "count", "wins", *sums)
    return [Day(day, count, wins, *(amount or ZERO for amount in amounts)) for day, count, wins, *amounts in told]


def metrics_of(totals: dict[str, Any], series: Series, days: Sequence[Day]) -> dict[str, Any]:
    """The reference's figures, in the order of its schema (``reference_product.md`` §5.2, §5.3)."""
    won, lost = stats.streaks(series.net)
    count = totals["count"]
    return {
        "days_running": len(days),
        "trade_count": count,
        "win_count": totals["wins"],
        "loss_count": totals["losses"],
        "average_pnl": ratio(totals["net"], count),
        "average_win": ratio(totals["won"], totals["wins"]),
        "average_loss": ratio(totals["lost"], totals["losses"]),
        "win_rate": ratio(totals["wins"] * HUNDRED, count),
        "consecutive_wins": won,
        "consecutive_losses": lost,
        "max_gain": max(totals["most"], ZERO),
        "max_loss": min(totals["least"], ZERO),
        "max_drawdown": dollars(max(series.drawdown)) if series.drawdown else ZERO,
        "net_pnl": totals["net"],
        "pnl_before_fees": totals["gross"],
        "fees_total": totals["fees"],
        "average_fee": ratio(totals["fees"], count),
        "profitable_days": sum(day.net > 0 for day in days),
    }


def kpis_of(totals: dict[str, Any], days: Sequence[Day]) -> dict[str, Any]:
    """What goes beyond the reference; None where nothing tells it. ``docs/analytics.md`` defines each."""
    count, credit = totals["count"], totals["credit"]
    by_margin = bool(count) and totals["with_margin"] == count
    returns = daily_returns(days, by_margin=by_margin)
    return {
        "profit_factor": totals["won"] / -totals["lost"] if totals["lost"] else None,
        "expectancy": ratio(totals["net"], count) if count else None,
        "sharpe": stats.sharpe(returns),
        "sortino": stats.sortino(returns),
        "returns_basis": "margin" if by_margin else "credit",
        "return_on_credit_pct": ratio(totals["net"] * HUNDRED, credit) if credit else None,
        "average_hold_seconds": int(ratio(totals["hold_seconds"], count)) if count else None,
        "average_mfe": ratio(totals["best"], count) if count else None,
        "average_mae": ratio(totals["worst"], count) if count else None,
        "credit_total": credit,
        "slippage_total": totals["slippage"],
        "slippage_pct_of_credit": ratio(totals["slippage"] * HUNDRED, credit) if credit else None,
        "fees_pct_of_credit": ratio(totals["fees"] * HUNDRED, credit) if credit else None,
    }


def daily_returns(days: Sequence[Day], *, by_margin: bool) -> list[float]:
    """Each day's net on the margin its sessions held, or on their credit; days without a basis are left out."""
    based = ((day.net, day.margin if by_margin else day.credit) for day in days)
    return [float(net / basis) for net, basis in based if basis > 0]


def attribution_of(totals: dict[str, Any]) -> dict[str, Decimal]:
    """The causes of the net P&L in cents, which sum to it to the cent."""
    parts = {name: totals[f"{name}_pnl"] for name in CAUSES[:5]}
    parts |= {"slippage": totals["slippage"], "fees": -totals["fees"]}
    return {**stats.to_the_cent(parts, totals["net"]), "total": stats.cents(totals["net"])}


def charts_of(sessions: Snapshots, series: Series, most: int) -> dict[str, list[dict[str, Any]]]:
    """The reference's charts, thinned to about ``most`` points; the deepest drawdown stays. One query."""
    deepest = max(range(len(series.drawdown)), key=series.drawdown.__getitem__, default=None)
    places = stats.thinned(len(series.ids), most, () if deepest is None else (deepest,))
    times = _times(sessions, [series.ids[at] for at in places], whole=len(places) == len(series.ids))
    net, fees = list(accumulate(series.net)), list(accumulate(series.fees))
    drawn: dict[str, Sequence[int]] = {
        "cumulative_pnl": net,
        "cumulative_gross_pnl": [a + b for a, b in zip(net, fees, strict=True)],
        "cumulative_fees": fees,
        "drawdown": series.drawdown,
    }
    shown = {name: [dollars(values[at]) for at in places] for name, values in drawn.items()}
    rates = stats.rolling_win_rates(series.net)
    shown["rolling_win_rate"] = [rates[at] for at in places]
    drawn_at = [times[series.ids[at]] for at in places]
    charts: dict[str, list[dict[str, Any]]] = {
        name: [{"timestamp": at, "value": value} for at, value in zip(drawn_at, values, strict=True)]
        for name, values in shown.items()
    }
    return {**charts, "trades_histogram": [_bucket(bucket) for bucket in stats.histogram(series.net)]}


def _bucket(bucket: stats.Bucket) -> dict[str, Any]:
    start, end = (dollars(units).quantize(BUCKET_EDGE) for units in (bucket.start, bucket.end))
    return {"start": start, "end": end, "count": bucket.count}


def _times(sessions: Snapshots, ids: Sequence[int], *, whole: bool) -> dict[int, datetime]:
    """When the snapshots ``ids`` ended: a stamp costs more to read than an amount, so those not drawn are left."""
    drawn = sessions if whole else sessions.filter(id__in=ids)
    return dict(drawn.order_by().values_list("id", "closed_at"))
