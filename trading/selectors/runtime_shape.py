"""The shape of the runtime picture: every field of it, and how a stored session fills it without an engine's help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from trading.configuration_fields import BY_NAME
from trading.configuration_spec import Kind
from trading.models import StrategySession
from trading.strategy.types import Phase

STATUS_WORDS: Final[dict[str, str]] = {
    Phase.IDLE: "idle",
    Phase.WAITING: "waiting",
    Phase.SELECTING: "entering",
    Phase.ENTERING: "entering",
    Phase.LIVE: "live",
    Phase.EXITING: "cooldown",
    Phase.CLOSED: "cooldown",
    Phase.ATTENTION: "live",
}
"""Phase to the word of the reference's API."""

LEG_UNTOLD: Final[dict[str, Any]] = {"last_price": None, "trailing": None, "quote_sources": []}

SUMMARY_FIELDS: Final = (
    "underlying",
    "trade_time_ist",
    "exit_time_ist",
    "quantity",
    "contract_size",
    "max_loss_pct",
    "max_profit_pct",
    "trailing_sl_enabled",
    "strike_selection_mode",
    "call_option_price_min",
    "call_option_price_max",
    "put_option_price_min",
    "put_option_price_max",
)


def idle_runtime() -> dict[str, Any]:
    """The picture when nothing runs: zeros where a sum is empty, None where there is nothing to say."""
    return {
        "status": "idle",
        "phase": Phase.IDLE.value,
        "mode": None,
        "active": False,
        "strategy_id": None,
        "session_id": None,
        "generated_at": None,
        "wall_at": None,
        "schedule": dict.fromkeys(
            ("scheduled_entry_at", "time_to_entry_seconds", "planned_exit_at", "time_to_exit_seconds")
        ),
        "entry": None,
        "positions": [],
        "totals": dict.fromkeys(("realized", "unrealized", "total_pnl", "notional", "total_pnl_pct", "fees"), 0.0),
        "limits": {
            "max_profit_pct": 0.0,
            "max_loss_pct": 0.0,
            "effective_loss_pct": 0.0,
            "trailing_enabled": False,
            "trailing_level_pct": None,
        },
        "trailing": {
            "level": None,
            "trailing_level_pct": None,
            "max_profit_seen": 0.0,
            "max_profit_seen_pct": 0.0,
            "max_drawdown_seen": 0.0,
            "max_drawdown_seen_pct": 0.0,
            "enabled": False,
        },
        "spot": dict.fromkeys(("entry", "exit", "last", "high", "low", "updated_at")),
        "exit_reason": None,
        "config": None,
        "rules": [],
        "payoff": None,
        "history": [],
        "risk": None,
        "venue": None,
        "attention": "",
        "gates": [],
        "alerts": {"open": 0, "loud": 0, "critical": 0, "newest": None, "unlifted": 0},
        "versions": {"decisions": 0, "orders": 0},
    }


def with_every_field(payload: Mapping[str, Any]) -> dict[str, Any]:
    """``payload`` with what it leaves out filled in, in its sections too."""
    whole = idle_runtime()
    for name, value in payload.items():
        base = whole.get(name)
        if isinstance(base, dict) and (value is None or isinstance(value, Mapping)):
            whole[name] = {**base, **(value or {})}
        else:
            whole[name] = value
    whole["positions"] = [_leg(position) for position in whole["positions"] or ()]
    if whole["entry"]:
        whole["entry"] = _entry(whole["entry"], whole["positions"])
    return whole


def _leg(position: Mapping[str, Any]) -> dict[str, Any]:
    """A leg with the reference's fields that the engine does not tell apart from others, or does not keep."""
    return {**LEG_UNTOLD, "mark_timestamp": position.get("ticker_timestamp"), **position}


def _entry(told: Mapping[str, Any], positions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The entry with the reference's fields that follow from the rest; only such as stay as they are while live."""
    chosen, legs = told.get("selection_strategy") or {}, list(positions)
    expiry = chosen.get("selected_expiry")
    return {
        "target_expiry": expiry,
        "ticker_params": _ticker_params(legs, expiry),
        "selection_generated_at": told.get("entry_started_at"),
        "legs": [_entry_leg(leg) for leg in legs],
        **told,
    }


def _ticker_params(legs: Sequence[Mapping[str, Any]], expiry: str | None) -> dict[str, str] | None:
    """The query of ``/v2/tickers`` that lists the series chosen from; None before the choice."""
    if not (legs and expiry):
        return None
    return {
        "contract_types": "call_options,put_options",
        "underlying_asset_symbols": str(legs[0].get("symbol")).split("-")[1],
        "expiry_date": f"{date.fromisoformat(expiry):%d-%m-%Y}",
    }


def _entry_leg(position: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "symbol": position.get("symbol"),
        "side": "sell",
        "success": bool(position.get("quantity")),
        "strike_price": position.get("strike"),
        "filled_size": position.get("quantity"),
        "filled_price": position.get("entry_price"),
    }


def runtime_of_session(session: StrategySession, monitor: Mapping[str, Any]) -> dict[str, Any]:
    """The picture of an open session from the database alone: who it is, its phase, and what it last stored of itself.

    ``monitor`` has its legs, totals, limits, trailing and spot; empty before an entry.
    """
    metadata = session.session_metadata or {}
    planned: Mapping[str, Any] = metadata.get("schedule") or {}
    sections = ("positions", "totals", "limits", "trailing", "spot")
    return with_every_field(
        {
            **{name: monitor[name] for name in sections if monitor.get(name)},
            "status": STATUS_WORDS[session.phase],
            "phase": session.phase,
            "mode": session.mode,
            "active": STATUS_WORDS[session.phase] == "live",
            "strategy_id": session.strategy_id,
            "session_id": session.pk,
            "schedule": {
                "scheduled_entry_at": planned.get("scheduled_entry_at"),
                "planned_exit_at": planned.get("planned_exit_at"),
            },
            "entry": metadata.get("entry"),
            "config": config_summary(
                session.config_snapshot, identity=metadata, name=session.revision.configuration_name
            ),
        }
    )


def config_summary(values: Mapping[str, Any], *, identity: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The reference's short form of a configuration, from a revision's values, with JSON numbers."""
    whole = config_numbers(values)
    return {
        "id": identity.get("config_id"),
        "name": name,
        "revision": identity.get("revision"),
        "delta_range": [whole.get("delta_range_low"), whole.get("delta_range_high")],
        **{field: whole.get(field) for field in SUMMARY_FIELDS},
    }


def config_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """A revision's values with its decimals, which are stored as text, as JSON numbers."""
    return {name: _number(name, value) for name, value in values.items()}


def _number(name: str, value: Any) -> Any:
    field = BY_NAME.get(name)
    if field is None or value is None:
        return value
    if field.kind is Kind.DECIMAL:
        return float(value)
    if field.kind is Kind.TRAILING:
        return {trigger: float(level) for trigger, level in value.items()}
    return value
