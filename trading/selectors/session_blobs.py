"""The reference's objects about a session (``reference_product.md`` §2.11), made from its rows.

The engine keeps legs, totals and points in tables and stores none of this twice. Clients of the reference read it from
``session_metadata``, ``summary`` and ``monitor_snapshot``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.dateparse import parse_datetime

from trading.models import PositionLedger, SessionStatus, StrategySession
from trading.selectors.runtime_shape import STATUS_WORDS, config_numbers
from trading.selectors.session_views import LegSummary, SessionItem, leg_summary, pct_of_credit

TOTALS: Final = ("realized", "unrealized", "total_pnl", "notional", "total_pnl_pct", "fees")
SEEN: Final = ("max_profit_seen", "max_profit_seen_pct", "max_drawdown_seen", "max_drawdown_seen_pct")
CLOSED: Final = SessionStatus.STOPPED


def reference_metadata(
    item: SessionItem,
    *,
    legs: Sequence[PositionLedger],
    stored: Mapping[str, Any],
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """What is ``stored`` of a session, and ``runtime``, ``summary`` and ``legs_summary`` in the reference's shape.

    ``runtime.monitor`` is None before an entry, ``summary`` until the session is over; its ``pnl_history`` is
    left out. Amounts are JSON numbers, times ISO-8601.
    """
    summaries = [leg_body(leg_summary(leg)) for leg in legs]
    monitor = monitor_of(item, legs, stored, config) if legs else None
    over = item.status == CLOSED and monitor is not None
    return {
        **stored,
        "config_id": item.configuration_id if item.configuration_id is not None else stored.get("config_id"),
        "runtime": _runtime(item, legs, stored, monitor),
        "summary": _summary(item, summaries, monitor) if over and monitor is not None else None,
        "legs_summary": summaries,
    }


def leg_body(leg: LegSummary) -> dict[str, Any]:
    """A leg of ``legs_summary``."""
    names = ("symbol", "side", "entry_price", "exit_price", "quantity", "contract_size", "realized_pnl", "pnl_pct")
    told = {name: plain(getattr(leg, name)) for name in (*names, "entry_time", "exit_time")}
    return {"leg": leg.leg, **told, "fees": {name: plain(value) for name, value in leg.fees.items()}}


def position_analytics(leg: PositionLedger) -> dict[str, Any]:
    """A leg's ``analytics``: what the engine stored, and the reference's figures; dollars net of fees, percent."""
    told = {
        "mark_price": None,
        "pnl_abs": plain(leg_pnl(leg)),
        "pnl_pct": plain(pct_of_credit(leg, leg_pnl(leg))),
        "updated_at": plain(leg.exit_time or leg.entry_time),
        "contract_size": plain(leg.contract_size),
    }
    return {**told, **(leg.analytics or {})}


def unrealized(leg: PositionLedger) -> Decimal | None:
    """What the open part of a short leg has made at the last mark the engine stored, before fees; zero once closed."""
    if leg.exit_time is not None:
        return Decimal(0)
    mark = (leg.analytics or {}).get("mark_price")
    if mark is None or leg.entry_price is None:
        return None
    a_contract: Decimal = (leg.entry_price - Decimal(str(mark))) * leg.contract_size
    return a_contract * leg.open_quantity


def leg_pnl(leg: PositionLedger) -> Decimal | None:
    """What a leg has made net of the fees paid: what it realised, and what is open at the last mark."""
    still_open = unrealized(leg)
    return None if leg.realized_pnl is None or still_open is None else leg.realized_pnl + still_open


def plain(value: Any) -> Any:
    """``value`` as JSON has it: amounts are numbers, times ISO-8601 with an offset."""
    if isinstance(value, Decimal):
        return float(value)
    return iso(value) if isinstance(value, datetime) else value


def iso(at: datetime, timespec: str = "auto") -> str:
    """ISO-8601, with Z for UTC; ``timespec`` as ``datetime.isoformat`` has it."""
    text = at.isoformat(timespec=timespec)
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _runtime(
    item: SessionItem, legs: Sequence[PositionLedger], stored: Mapping[str, Any], monitor: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "scheduled_entry_at": _section(stored, "schedule").get("scheduled_entry_at"),
        "status": STATUS_WORDS[item.phase],
        "mode": item.mode,
        "entry": _entry(item, legs, stored) if item.activated_at else None,
        "monitor": monitor,
        "spot": item.pnl_summary.get("spot"),
        "trailing": _trailing(item.pnl_summary),
    }


def _entry(item: SessionItem, legs: Sequence[PositionLedger], stored: Mapping[str, Any]) -> dict[str, Any]:
    ended, summary = _section(stored, "exit"), item.pnl_summary
    return {
        "status": STATUS_WORDS[item.phase],
        "mode": item.mode,
        "scheduled_entry_at": _section(stored, "schedule").get("scheduled_entry_at"),
        "entry_started_at": plain(item.activated_at),
        "entry_completed_at": None,
        "selection_generated_at": plain(item.activated_at),
        "selected_contracts": [_contract(leg) for leg in legs],
        "latest_total_pnl": summary.get("total_pnl"),
        "last_monitor_at": summary.get("updated_at"),
        "trailing_level": summary.get("trailing_level_pct"),
        "exit_reason": item.exit_reason or None,
        "exit_triggered_at": ended.get("exit_triggered_at"),
        **_section(stored, "entry"),
    }


def _contract(leg: PositionLedger) -> dict[str, Any]:
    facts = leg.analytics or {}
    settled = parse_datetime(str(facts.get("settlement_at") or ""))
    return {
        "symbol": leg.symbol,
        "contract_type": f"{leg.leg}_options",
        "strike_price": facts.get("strike"),
        "delta": facts.get("delta"),
        "expiry_date": settled.date().isoformat() if settled else None,
    }


def monitor_of(
    item: SessionItem | StrategySession,
    legs: Sequence[PositionLedger],
    stored: Mapping[str, Any],
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """What the reference's last look at a session would have stored, from what ours stored."""
    summary = item.pnl_summary
    planned = _section(stored, "schedule").get("planned_exit_at")
    return {
        "generated_at": summary.get("updated_at"),
        "positions": [_position(leg, summary.get("updated_at")) for leg in legs],
        "totals": {name: summary.get(name) for name in TOTALS},
        "limits": _limits(summary, config_numbers(config)),
        "planned_exit_at": planned,
        "time_to_exit_seconds": _seconds(summary.get("updated_at"), planned) if item.status != CLOSED else None,
        "trailing": _trailing(summary),
        "spot": summary.get("spot"),
        "status": STATUS_WORDS[item.phase],
        "exit_reason": item.exit_reason or None,
    }


def _position(leg: PositionLedger, at: str | None) -> dict[str, Any]:
    """A leg as the reference's monitor tells it; what only a live quote knows is null."""
    facts = position_analytics(leg)
    closed = leg.exit_time is not None
    return {
        "symbol": leg.symbol,
        "market_symbol": leg.symbol,
        "exchange": "Delta",
        "side": leg.side,
        "direction": leg.side,
        "entry_price": plain(leg.entry_price),
        "exit_price": plain(leg.exit_price),
        "quantity": leg.quantity,
        "size": leg.quantity,
        "contract_size": plain(leg.contract_size),
        "status": "closed" if closed else "open",
        "mark_price": facts["mark_price"],
        "current_price": facts["mark_price"],
        **dict.fromkeys(("last_price", "best_bid", "best_ask", "best_bid_size", "best_ask_size")),
        "pnl_abs": facts["pnl_abs"],
        "pnl_pct": facts["pnl_pct"],
        "notional": plain(leg.entry_price * leg.quantity * leg.contract_size) if leg.entry_price else None,
        "entry_time": plain(leg.entry_time),
        "exit_time": plain(leg.exit_time),
        "trailing": leg.trailing_sl_state,
        "ticker_timestamp": None,
        "mark_timestamp": None if closed else at,
        "quote_sources": [],
        "quote_age_seconds": None,
        "fees": leg_body(leg_summary(leg))["fees"],
        "leg": leg.leg,
        "strike": facts.get("strike"),
        "delta": facts.get("delta"),
        "open_size": leg.open_quantity,
        **dict.fromkeys(("tick_size", "iv_pct", "cost_to_close", "distance_pct")),
    }


def _limits(summary: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """As in the runtime picture: where the session would end, a level it has locked in being a negative loss."""
    enabled, level = bool(summary.get("trailing_enabled")), summary.get("trailing_level_pct")
    most = config.get("max_loss_pct")
    return {
        "max_profit_pct": config.get("max_profit_pct"),
        "max_loss_pct": most,
        "effective_loss_pct": -level if level is not None else most,
        "trailing_enabled": enabled,
        "trailing_level_pct": level,
    }


def _trailing(summary: Mapping[str, Any]) -> dict[str, Any]:
    level = summary.get("trailing_level_pct")
    seen = {name: summary.get(name) for name in SEEN}
    fraction = None if level is None else round(level / 100, 6)
    return {"level": fraction, "trailing_level_pct": level, **seen, "enabled": bool(summary.get("trailing_enabled"))}


def _summary(item: SessionItem, legs: list[dict[str, Any]], monitor: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "generated_at": monitor["generated_at"],
        "exit_reason": item.exit_reason or None,
        "legs": legs,
        "totals": monitor["totals"],
        "trailing": monitor["trailing"],
        "spot": monitor["spot"],
    }


def _section(stored: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = stored.get(name)
    return found if isinstance(found, Mapping) else {}


def _seconds(now: str | None, then: str | None) -> float | None:
    start, end = parse_datetime(now or ""), parse_datetime(then or "")
    return max(0.0, (end - start).total_seconds()) if start and end else None
