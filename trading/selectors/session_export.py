"""Sessions as rows of the reference's CSV (``reference_product.md`` §6): one row each, newest id first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.db.models import Prefetch, QuerySet

from trading.models import PositionLedger, StrategySession
from trading.selectors.runtime_shape import config_numbers

AT_ONCE: Final = 500
LEG_COLUMNS: Final = ("symbol", "strike", "delta", "distance_pct")
COLUMNS: Final = (
    *("strategy_id", "activated_at", "stopped_at", "config_snapshot", "total_pnl", "total_fees", "win_rate"),
    *("trade_count", "exit_reason", "underlying_symbol", "spot_entry", "spot_exit"),
    *(f"ce_{name}" for name in LEG_COLUMNS),
    *(f"pe_{name}" for name in LEG_COLUMNS),
)


def export_rows(found: QuerySet[StrategySession]) -> Iterator[list[object]]:
    """One row in the order of ``COLUMNS`` for each session, read in batches: memory does not grow with their number.

    ``win_rate`` is "100" or "0" as in the reference, blank without a result. ``delta`` is the last one seen.
    """
    legs = Prefetch("positions", PositionLedger.objects.order_by("id"))
    rows = found.order_by("-id").defer("session_metadata", "engine_state").prefetch_related(legs)
    for row in rows.iterator(chunk_size=AT_ONCE):
        yield session_row(row)


def session_row(session: StrategySession) -> list[object]:
    """One session with its legs prefetched; amounts in dollars, percentages of the index at entry (else the last)."""
    summary = session.pnl_summary or {}
    spot = summary.get("spot") or {}
    legs = {leg.leg: leg for leg in session.positions.all()}
    values = config_numbers(session.config_snapshot or {})
    total = summary.get("total_pnl")
    reference = spot.get("entry") or spot.get("last")
    return [
        session.strategy_id,
        session.activated_at,
        session.deactivated_at,
        json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        _signed(total, 2),
        _signed(summary.get("fees"), 2),
        "" if total is None else "100" if total > 0 else "0",
        len(legs),
        session.exit_reason,
        values.get("underlying", ""),
        _plain(spot.get("entry")),
        _plain(spot.get("exit")),
        *_leg(legs.get("call"), reference),
        *_leg(legs.get("put"), reference),
    ]


def _leg(leg: PositionLedger | None, spot: float | None) -> list[object]:
    if leg is None:
        return [""] * len(LEG_COLUMNS)
    facts: Mapping[str, Any] = leg.analytics or {}
    strike = facts.get("strike") or _strike_in(leg.symbol)
    distance = (strike - spot) / spot * 100 if strike and spot else None
    return [leg.symbol, _plain(strike), _signed(facts.get("delta"), 4), _signed(distance, 2)]


def _strike_in(symbol: str) -> float | None:
    """The strike of a symbol such as C-BTC-80000-241126."""
    parts = symbol.split("-")
    return float(parts[2]) if len(parts) > 3 and parts[2].isdecimal() else None


def _signed(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:+.{places}f}"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
