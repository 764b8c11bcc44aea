"""Runtime pictures as the engine publishes them, for tests of the page."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

ENTRY_EPOCH = 1_788_494_400  # 4 September 2026, 09:30 IST


def _leg(leg: str, strike: int, **fields: Any) -> dict[str, Any]:
    letter = leg[0].upper()
    return {
        "symbol": f"{letter}-BTC-{strike}-050926",
        "leg": leg,
        "strike": strike,
        "side": "short",
        "direction": "short",
        "size": 100,
        "open_size": 100,
        "exit_price": None,
        "status": "open",
        "tick_size": 0.1,
        "quote_age_seconds": 0.4,
        "pnl_pct": 36.9,
        "fees": {"entry": 0.9, "exit": 0, "total": 0.9},
        **fields,
    }


def _history() -> list[list[float | None]]:
    points: list[list[float | None]] = []
    for step in range(120):
        value = -14 * math.sin(step / 18) * math.exp(-step / 40) + 0.36 * step + 3 * math.sin(step / 3)
        level = 10.0 if 60 <= step < 90 else 15.0 if step >= 90 else None
        points.append([ENTRY_EPOCH + step * 50, round(value, 2), level])
    return [*points, [ENTRY_EPOCH + 6060, 31.4, 15.0]]


def _payoff() -> dict[str, Any]:
    spots = [75_000 + 150 * step for step in range(61)]
    expiry = [46.55 - 0.1 * max(0, spot - 80_800) - 0.1 * max(0, 78_000 - spot) for spot in spots]
    now = [16 - ((spot - 79_400) / 260) ** 2 for spot in spots]
    return {"spots": spots, "expiry": expiry, "now": now, "breakevens": [77_534, 81_266]}


def _rule(rule: str, label: str, progress: float, detail: str, verdict: str = "hold") -> dict[str, Any]:
    return {
        "rule": rule,
        "label": label,
        "verdict": verdict,
        "value": 1,
        "threshold": 2,
        "unit": "%",
        "progress": progress,
        "detail": detail,
    }


CONFIG: dict[str, Any] = {
    "id": 1,
    "name": "Daily BTC 0.10–0.15",
    "revision": 7,
    "underlying": "BTC",
    "delta_range": [0.10, 0.15],
    "trade_time_ist": "09:30",
    "exit_time_ist": "15:20",
    "quantity": 100,
    "contract_size": 0.001,
    "max_loss_pct": 40,
    "max_profit_pct": 80,
    "trailing_sl_enabled": True,
    "strike_selection_mode": "delta",
}

VENUE: dict[str, Any] = {
    "name": "simulated",
    "connected": True,
    "detail": "",
    "clock": "2026-09-04T05:41:07Z",
    "speed": 60,
    "quote_age_seconds": 0.4,
    "round_trip_ms": 1.2,
    "weight_left": None,
    "weight_limit": None,
    "skew_ms": 0,
    "reconciled_at": "2026-09-04T05:41:05Z",
    "reconciled": True,
}

WORKER: dict[str, Any] = {
    "owner": "host:123",
    "uptime_seconds": 6120,
    "standby": False,
    "alive": True,
    "heartbeat_age_seconds": 0.3,
}

LIVE: dict[str, Any] = {
    "status": "live",
    "phase": "live",
    "mode": "paper",
    "active": True,
    "strategy_id": "delta-strangle-20260904040000",
    "session_id": 12,
    "generated_at": "2026-09-04T05:41:07Z",
    "wall_at": "2026-09-04T05:41:07Z",
    "schedule": {
        "scheduled_entry_at": "2026-09-04T04:00:00Z",
        "entry_until": "2026-09-04T04:05:00Z",
        "time_to_entry_seconds": 0,
        "entered_at": "2026-09-04T04:00:02Z",
        "planned_exit_at": "2026-09-04T09:50:00Z",
        "time_to_exit_seconds": 14_880,
        "guard_at": "2026-09-04T11:25:00Z",
        "settlement_at": "2026-09-04T12:00:00Z",
    },
    "entry": {"status": "live", "mode": "paper", "selected_contracts": [], "refusals": [], "summary": ""},
    "positions": [
        _leg(
            "call",
            80_800,
            entry_price=241.6,
            delta=0.118,
            iv_pct=38.2,
            best_bid=148.0,
            best_ask=152.5,
            mark_price=150.1,
            cost_to_close=152.5,
            distance_pct=1.75,
            pnl_abs=8.91,
        ),
        _leg(
            "put",
            78_000,
            entry_price=223.9,
            delta=-0.127,
            iv_pct=41.0,
            best_bid=143.0,
            best_ask=147.6,
            mark_price=145.2,
            cost_to_close=147.6,
            distance_pct=-1.78,
            pnl_abs=7.63,
        ),
    ],
    "totals": {
        "credit": 46.55,
        "gross": 16.54,
        "gross_pct": 35.5,
        "net": 14.62,
        "net_pct": 31.4,
        "fees": 1.92,
        "fees_to_close": 1.1,
        "cost_to_close": 30.01,
        "mark_gross": 17.0,
        "realized": 0,
        "unrealized": 16.54,
        "total_pnl": 14.62,
        "total_pnl_pct": 31.4,
        "notional": 46.55,
        "net_delta": -0.009,
        "complete": True,
        "why_not": "",
    },
    "limits": {
        "max_profit_pct": 80,
        "max_loss_pct": 40,
        "effective_loss_pct": -15,
        "trailing_enabled": True,
        "trailing_level_pct": 15,
    },
    "trailing": {
        "level": 0.15,
        "trailing_level_pct": 15,
        "max_profit_seen": 18.7,
        "max_profit_seen_pct": 40.2,
        "max_drawdown_seen": 3.1,
        "max_drawdown_seen_pct": 6.6,
        "enabled": True,
    },
    "spot": {
        "entry": 79_390.0,
        "exit": None,
        "last": 79_412.5,
        "high": 79_720.0,
        "low": 79_105.5,
        "updated_at": "2026-09-04T05:41:07Z",
    },
    "exit_reason": None,
    "config": CONFIG,
    "rules": [
        _rule("max_loss", "Max loss", 0.04, "+35.5 % gross · acts at −40 %"),
        _rule("trailing_sl", "Trailing stop", 0.72, "+31.4 % · acts at +15 %"),
        _rule("leg_stop", "Call leg stop 2.0×", 0.46, "152.5 · acts at 483.2"),
        _rule("max_profit", "Target", 0.39, "+31.4 % · acts at +80 %"),
        _rule("underlying_stop", "Underlying stop", 0.0, "", "off"),
    ],
    "payoff": _payoff(),
    "history": _history(),
    "risk": {
        "margin": 82.1,
        "available": 917.9,
        "cash": 1000,
        "shock_up": -244,
        "shock_down": -231,
        "shock_pct": 5,
        "theta_per_hour": 2.94,
        "dollar_gamma": -31.8,
        "loss_budget": 100,
        "loss_used": 0,
    },
    "venue": VENUE,
    "worker": WORKER,
    "trading_mode": "active",
    "attention": "",
    "versions": {"decisions": 12, "orders": 4},
}

IDLE: dict[str, Any] = {
    "status": "idle",
    "phase": "idle",
    "mode": None,
    "active": False,
    "strategy_id": None,
    "session_id": None,
    "config": None,
    "positions": [],
    "totals": {},
    "rules": [],
    "payoff": None,
    "history": [],
    "venue": VENUE,
    "worker": WORKER,
    "schedule": {},
    "entry": None,
    "limits": {},
    "trailing": {},
    "spot": {"last": 79_412.5},
    "risk": {"margin": 0, "available": 10_000, "cash": 10_000},
    "trading_mode": "active",
    "attention": "",
    "exit_reason": None,
    "versions": {"decisions": 0, "orders": 0},
}

WAITING: dict[str, Any] = {
    **IDLE,
    "status": "waiting",
    "phase": "waiting",
    "mode": "paper",
    "strategy_id": "delta-strangle-20260904040000",
    "session_id": 12,
    "config": CONFIG,
    "venue": {**VENUE, "clock": "2026-09-04T03:50:48Z"},
    "schedule": {**LIVE["schedule"], "entered_at": None, "time_to_entry_seconds": 552, "time_to_exit_seconds": None},
    "entry": {"status": "waiting", "refusals": []},
}


def live(**changes: Any) -> dict[str, Any]:
    """A live session's picture with ``changes`` on top."""
    return {**deepcopy(LIVE), **changes}


def idle(**changes: Any) -> dict[str, Any]:
    """The picture of an engine with nothing to do, with ``changes`` on top."""
    return {**deepcopy(IDLE), **changes}


def waiting(**changes: Any) -> dict[str, Any]:
    """The picture of a session ahead of its entry, with ``changes`` on top."""
    return {**deepcopy(WAITING), **changes}
