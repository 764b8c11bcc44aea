"""The runtime snapshot: one JSON-ready picture of the engine for pages, sockets and the API, in the reference's shape
and beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.engine.payoff import greeks_view, payoff_view
from trading.engine.ports import Balance, SessionSpec, VenueHealth
from trading.engine.records import instant, number, pnl_summary, spot_view
from trading.strategy.events import RuleResult
from trading.strategy.guarding import book_of, totals_of
from trading.strategy.pnl import LegPnl, Totals
from trading.strategy.state import LegState, SessionState
from trading.strategy.types import ZERO, ExitReason, Phase

STATUS_WORDS = {
    Phase.IDLE: "idle",
    Phase.WAITING: "waiting",
    Phase.SELECTING: "entering",
    Phase.ENTERING: "entering",
    Phase.LIVE: "live",
    Phase.EXITING: "cooldown",
    Phase.ATTENTION: "live",
    Phase.CLOSED: "cooldown",
}
RULE_LABELS = {
    ExitReason.MAX_LOSS: "Max loss",
    ExitReason.MAX_PROFIT: "Target",
    ExitReason.TRAILING_SL: "Trailing stop",
    ExitReason.LEG_STOP: "Leg stop",
    ExitReason.UNDERLYING_STOP: "Underlying stop",
    ExitReason.DELTA_STOP: "Delta",
    ExitReason.TIME_EXIT: "Time exit",
    ExitReason.SETTLEMENT_GUARD: "Settlement guard",
    ExitReason.STALE_DATA: "Stale data",
    ExitReason.DAILY_LOSS: "Daily loss",
}


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What the snapshot says of the worker and its venue; ``speed`` is venue seconds per wall second."""

    owner: str
    uptime_seconds: float
    venue_name: str
    venue_now: datetime
    wall_now: datetime
    speed: float
    health: VenueHealth
    balance: Balance | None
    trading_mode: str


def runtime_view(
    facts: WorkerFacts,
    spec: SessionSpec | None,
    state: SessionState | None,
    *,
    trace: Sequence[RuleResult] = (),
    history: Sequence[tuple[float, float, float | None]] = (),
    versions: Mapping[str, int] | None = None,
) -> dict[str, object]:
    """The snapshot as plain JSON values. Times are venue time except ``wall_at``."""
    now = facts.venue_now
    common: dict[str, object] = {
        "generated_at": instant(now),
        "wall_at": instant(facts.wall_now),
        "venue": _venue(facts, state),
        "worker": {"owner": facts.owner, "uptime_seconds": round(facts.uptime_seconds, 1), "standby": False},
        "trading_mode": facts.trading_mode,
        "versions": dict(versions or {}),
    }
    if spec is None or state is None:
        return {"status": "idle", "phase": Phase.IDLE.value, "active": False, **common}
    return {
        **common,
        **_session_view(facts, spec, state, now),
        "rules": [_rule(r) for r in trace],
        "history": list(history),
    }


def _session_view(facts: WorkerFacts, spec: SessionSpec, state: SessionState, now: datetime) -> dict[str, object]:
    books = tuple(book_of(leg) for leg in state.legs)
    totals = totals_of(state, books, now) if books else None
    return {
        "status": STATUS_WORDS[state.phase],
        "phase": state.phase.value,
        "mode": spec.mode,
        "active": state.phase in (Phase.LIVE, Phase.ATTENTION),
        "strategy_id": spec.strategy_id,
        "session_id": spec.session_id,
        "schedule": _schedule(state, now),
        "entry": _entry(spec, state),
        "positions": _positions(state, totals, now),
        "totals": _totals(state, totals, now),
        "limits": _limits(state),
        "trailing": _trailing(state),
        "spot": spot_view(state),
        "exit_reason": state.exit_reason.value if state.exit_reason else None,
        "exit_detail": state.exit_detail,
        "config": _config(spec),
        "payoff": payoff_view(state, now),
        "risk": _risk(facts, state, totals, now),
        "attention": state.attention,
    }


def _seconds_until(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else round(max((at - now).total_seconds(), 0.0), 1)


def _schedule(state: SessionState, now: datetime) -> dict[str, object]:
    entry_at = state.plan.entry_at if state.plan else state.entering_at
    planned = state.exit
    return {
        "scheduled_entry_at": instant(entry_at),
        "entry_until": instant(state.plan.entry_until if state.plan else None),
        "time_to_entry_seconds": _seconds_until(entry_at, now),
        "entered_at": instant(state.entering_at),
        "planned_exit_at": instant(planned.exit_at if planned else None),
        "time_to_exit_seconds": _seconds_until(planned.exit_at if planned else None, now),
        "guard_at": instant(planned.guard_at if planned else None),
        "settlement_at": instant(planned.settlement_at if planned else None),
    }


def _entry(spec: SessionSpec, state: SessionState) -> dict[str, object]:
    return {
        "status": STATUS_WORDS[state.phase],
        "mode": spec.mode,
        "scheduled_entry_at": instant(state.plan.entry_at if state.plan else state.entering_at),
        "entry_started_at": instant(state.entering_at),
        "entry_completed_at": instant(state.live_at),
        "exit_reason": state.exit_reason.value if state.exit_reason else None,
        "exit_triggered_at": instant(state.exit_at),
        "trailing_level": number(state.trail.level_pct, 4),
        "selection_strategy": _selection_strategy(state),
        "selected_contracts": [_contract(leg, state) for leg in state.legs],
        "refusals": list(state.refusals),
        "summary": state.selection_summary,
    }


def _selection_strategy(state: SessionState) -> dict[str, object]:
    params = state.params
    chosen = {f"selected_{leg.option_type.value}_strike": number(leg.instrument.strike) for leg in state.legs}
    return {
        "mode": params.strike_selection_mode.value,
        "delta_range": [number(params.delta_range_low), number(params.delta_range_high)],
        "call_price_range": [number(params.call_option_price_min), number(params.call_option_price_max)],
        "put_price_range": [number(params.put_option_price_min), number(params.put_option_price_max)],
        "selected_expiry": state.legs[0].instrument.settlement_at.date().isoformat() if state.legs else None,
        **chosen,
    }


def _distance_pct(leg: LegState, spot: Decimal | None) -> float | None:
    """How far the strike is from spot, in percent of spot."""
    return None if not spot else number((leg.instrument.strike - spot) / spot * 100, 3)


def _contract(leg: LegState, state: SessionState) -> dict[str, object]:
    return {
        "symbol": leg.instrument.symbol,
        "product_id": leg.instrument.product_id,
        "delta": number(leg.quote.delta, 6) if leg.quote else None,
        "strike_price": number(leg.instrument.strike),
        "contract_type": f"{leg.option_type.value}_options",
        "expiry_date": leg.instrument.settlement_at.date().isoformat(),
        "distance_pct": _distance_pct(leg, state.spot_entry),
    }


def _positions(state: SessionState, totals: Totals | None, now: datetime) -> list[dict[str, object]]:
    figures = totals.legs if totals is not None else ()
    return [_leg(leg, pnl, state, now) for leg, pnl in zip(state.legs, figures, strict=False) if leg.sold]


def _leg(leg: LegState, pnl: LegPnl, state: SessionState, now: datetime) -> dict[str, object]:
    quote = leg.quote
    entry = leg.entry_price
    shown = pnl.close_pnl if pnl.close_pnl is not None else pnl.mark_pnl
    if not leg.held:
        shown = leg.realised
    return {
        "symbol": leg.instrument.symbol,
        "market_symbol": leg.instrument.symbol,
        "exchange": "Delta",
        "leg": leg.option_type.value,
        "strike": number(leg.instrument.strike),
        "side": "short",
        "direction": "short",
        "size": leg.sold,
        "quantity": leg.sold,
        "open_size": leg.held,
        "contract_size": number(leg.instrument.contract_value),
        "tick_size": number(leg.instrument.tick_size),
        "entry_price": number(entry),
        "exit_price": number(leg.exit_price),
        "status": "open" if leg.held else "closed",
        "delta": number(quote.delta, 6) if quote else None,
        "iv_pct": number(quote.iv * 100, 2) if quote and quote.iv is not None else None,
        "best_bid": number(quote.bid) if quote else None,
        "best_bid_size": quote.bid_size if quote else None,
        "best_ask": number(quote.ask) if quote else None,
        "best_ask_size": quote.ask_size if quote else None,
        "mark_price": number(quote.mark) if quote else None,
        "current_price": number(quote.mark) if quote else None,
        "cost_to_close": number(pnl.close_price),
        "distance_pct": _distance_pct(leg, state.spot),
        "pnl_abs": number(shown),
        "pnl_pct": number(shown / leg.credit * 100, 4) if shown is not None and leg.credit else None,
        "notional": number(leg.credit),
        "fees": {"entry": number(leg.entry_fees), "exit": number(leg.exit_fees), "total": number(leg.fees)},
        "entry_time": instant(leg.entry_at),
        "exit_time": instant(leg.exit_at) if leg.held == 0 else None,
        "quote_age_seconds": round(max((now - quote.at).total_seconds(), 0.0), 2) if quote else None,
        "ticker_timestamp": instant(quote.at) if quote else None,
    }


def _totals(state: SessionState, totals: Totals | None, now: datetime) -> dict[str, object]:
    summary = pnl_summary(state, totals, now)
    fees = sum((leg.fees for leg in state.legs), ZERO)
    base = {
        key: summary[key]
        for key in ("realized", "unrealized", "total_pnl", "total_pnl_pct", "notional", "fees", "credit")
    }
    if totals is None:
        return base
    held = state.held > 0
    return {
        **base,
        "fees": number(fees),
        "gross": number(totals.gross),
        "gross_pct": number(totals.gross_pct, 4),
        "net": number(totals.net if held else state.realised),
        "net_pct": number(totals.net_pct, 4) if held else base["total_pnl_pct"],
        "mark_gross": number(totals.mark_gross),
        "cost_to_close": number(totals.cost_to_close),
        "fees_to_close": number(totals.fees_to_close),
        "net_delta": number(totals.net_delta, 6),
        "complete": totals.complete,
        "why_not": totals.why_not,
    }


def _limits(state: SessionState) -> dict[str, object]:
    level = state.trail.level_pct
    return {
        "max_profit_pct": number(state.params.max_profit_pct),
        "max_loss_pct": number(state.params.max_loss_pct),
        "effective_loss_pct": number(-level if level is not None else state.params.max_loss_pct),
        "trailing_enabled": state.params.trailing_sl_enabled,
        "trailing_level_pct": number(level),
    }


def _trailing(state: SessionState) -> dict[str, object]:
    level = state.trail.level_pct
    return {
        "level": number(level / 100, 6) if level is not None else None,
        "trailing_level_pct": number(level),
        "max_profit_seen": number(state.best),
        "max_profit_seen_pct": number(state.best_pct, 4),
        "max_drawdown_seen": number(-state.worst),
        "max_drawdown_seen_pct": number(-state.worst_pct, 4),
        "enabled": state.params.trailing_sl_enabled,
    }


def _config(spec: SessionSpec) -> dict[str, object]:
    params = spec.params
    return {
        "id": spec.configuration_id,
        "name": spec.configuration_name,
        "revision": spec.revision,
        "underlying": params.underlying,
        "delta_range": [number(params.delta_range_low), number(params.delta_range_high)],
        "trade_time_ist": params.trade_time_ist,
        "exit_time_ist": params.exit_time_ist,
        "quantity": params.quantity,
        "contract_size": number(params.contract_size),
        "max_loss_pct": number(params.max_loss_pct),
        "max_profit_pct": number(params.max_profit_pct),
        "trailing_sl_enabled": params.trailing_sl_enabled,
        "strike_selection_mode": params.strike_selection_mode.value,
        "call_option_price_min": number(params.call_option_price_min),
        "call_option_price_max": number(params.call_option_price_max),
        "put_option_price_min": number(params.put_option_price_min),
        "put_option_price_max": number(params.put_option_price_max),
        "repeat": params.repeat.value,
    }


def _risk(facts: WorkerFacts, state: SessionState, totals: Totals | None, now: datetime) -> dict[str, object]:
    balance = facts.balance
    lost = -(state.realised_today + (totals.net if totals is not None else ZERO))
    return {
        "margin": number(balance.margin) if balance else None,
        "available": number(balance.available) if balance else None,
        "cash": number(balance.cash) if balance else None,
        "loss_budget": number(state.params.daily_loss_limit),
        "loss_used": number(max(lost, ZERO), 4),
        **greeks_view(state, now),
    }


def _venue(facts: WorkerFacts, state: SessionState | None) -> dict[str, object]:
    health = facts.health
    quotes = [leg.quote.at for leg in state.legs if leg.quote is not None] if state is not None else []
    age = max((facts.venue_now - min(quotes)).total_seconds(), 0.0) / max(facts.speed, 1.0) if quotes else None
    return {
        "name": facts.venue_name,
        "connected": health.connected,
        "detail": health.detail,
        "unread": health.unread,
        "clock": instant(facts.venue_now),
        "speed": facts.speed,
        "quote_age_seconds": round(age, 2) if age is not None else None,
        "round_trip_ms": health.round_trip_ms,
        "weight_left": health.weight_left,
        "weight_limit": health.weight_limit,
        "skew_ms": health.skew_ms,
        "reconciled_at": instant(state.reconciled_at) if state is not None else None,
        "reconciled": state is not None and state.reconciled_at is not None and not state.mismatches,
    }


def _rule(result: RuleResult) -> dict[str, object]:
    return {
        "rule": result.rule.value,
        "label": RULE_LABELS[result.rule],
        "verdict": result.verdict.value,
        "value": number(result.value, 4),
        "threshold": number(result.threshold, 4),
        "unit": result.unit,
        "progress": round(result.progress, 4),
        "detail": result.detail,
    }
