"""While the strangle is open: every rule at every look, the trailing ladder, regular comparison with the venue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from trading.strategy.arming import arm
from trading.strategy.closing import (
    CONFIRM_SECONDS,
    MISMATCHES_BEFORE_ATTENTION,
    READ_AGAIN_SECONDS,
    begin_exit,
    buy_back,
    glance,
    reconcile_now,
)
from trading.strategy.exits import look
from trading.strategy.judging import ExitContext
from trading.strategy.pnl import Leg, LegBook, Totals, totals
from trading.strategy.resident import fired_stop, tend_stops
from trading.strategy.schedule import ExitPlan
from trading.strategy.state import LegState, SessionState
from trading.strategy.trailing import advance
from trading.strategy.turn import Turn
from trading.strategy.types import ExitReason

GLANCE_SECONDS = 6.0
"""Between two looks at the positions. What they show is put to the operator after two more readings a second apart:
with three answers of 0.4 s that is 9.2 s after the position changed, however silent the stream is about it.
"""
WHOLE_SECONDS = 55.0
"""Between two readings of everything, resting orders included; the account desk lives on the same readings."""


def book_of(leg: LegState) -> LegBook:
    """A leg as the P&L sees it, with its quote."""
    return replace(leg.book, quote=leg.quote)


def totals_of(state: SessionState, legs: Sequence[Leg], at: datetime) -> Totals:
    """Totals of the session on cost to close."""
    return totals(legs, spot=state.spot, now=at, stale_seconds=state.params.stale_quote_seconds)


def guarding(turn: Turn) -> None:
    """Judge every rule; act on the first that says so."""
    plan = turn.state.exit
    if plan is None:
        raise ValueError("A session with legs has no exit plan.")
    turn.totals = figures = totals_of(turn.state, turn.state.legs, turn.at)
    if figures.complete:
        _remember(turn, figures)
    turn.look = seen = look(_context(turn, plan, figures))
    if fired := fired_stop(turn):
        begin_exit(turn, ExitReason.LEG_STOP, fired, urgent=True)
        return
    if (acting := seen.acting) is not None:
        begin_exit(turn, acting.rule, acting.detail or acting.rule.value)
        return
    for leg in turn.state.legs:
        if (surplus := leg.held - leg.adopted - leg.target) > 0 and not leg.orders:
            buy_back(turn, leg, surplus, "an order that was taken for lost sold more than was asked")
    arm(turn)
    tend_stops(turn)
    _compare(turn)


def _compare(turn: Turn) -> None:
    """Look at the venue as often as there is reason to; a doubt is looked into with whole readings only."""
    state = turn.state
    if state.mismatches:
        told = state.mismatches >= MISMATCHES_BEFORE_ATTENTION
        if turn.due(state.read_at, READ_AGAIN_SECONDS if told else CONFIRM_SECONDS):
            reconcile_now(turn)
    elif turn.due(state.whole_read_at, WHOLE_SECONDS):
        reconcile_now(turn)
    elif turn.due(state.read_at, GLANCE_SECONDS):
        glance(turn)


def _context(turn: Turn, plan: ExitPlan, figures: Totals) -> ExitContext:
    state = turn.state
    return ExitContext(
        state.params,
        figures,
        state.legs,
        _fresh_spot(turn),
        state.spot_entry,
        state.trail,
        turn.at,
        plan.exit_at,
        plan.guard_at,
        _blind_seconds(turn),
        state.realised_today,
    )


def _fresh_spot(turn: Turn) -> Decimal | None:
    """The index, unless it is as old as a quote must not be."""
    state = turn.state
    stale = state.spot_at is None or turn.due(state.spot_at, state.params.stale_quote_seconds)
    return None if stale else state.spot


def _blind_seconds(turn: Turn) -> float:
    """Seconds since every open leg last had a quote one could close at; a one-sided or crossed book is as blind as a
    silent one.
    """
    started, oldest = turn.state.live_at or turn.at, None
    for leg in turn.state.legs:
        if leg.held:
            seen = leg.priced_at or started
            oldest = seen if oldest is None or seen < oldest else oldest
    return 0.0 if oldest is None else (turn.at - oldest).total_seconds()


def _remember(turn: Turn, figures: Totals) -> None:
    """Running extremes and the trailing ladder; a raised level must survive a crash, a new extreme may be forgotten."""
    state = turn.state
    trail = (
        advance(state.params.trailing_rules, state.trail, figures.net_pct)
        if state.params.trailing_sl_enabled
        else state.trail
    )
    if (
        trail is not state.trail
        or not state.worst <= figures.net <= state.best
        or not state.worst_pct <= figures.net_pct <= state.best_pct
    ):
        turn.note(
            trail=trail,
            best=max(state.best, figures.net),
            worst=min(state.worst, figures.net),
            best_pct=max(state.best_pct, figures.net_pct),
            worst_pct=min(state.worst_pct, figures.net_pct),
        )
    if trail.level_pct != state.trail.level_pct and trail.level_pct is not None:
        level = "break-even" if trail.level_pct == Decimal(0) else f"{trail.level_pct:+.0f} %"
        turn.say(
            "trailing_raised",
            f"Trailing level raised to {level}; peak {trail.peak_pct:+.1f} %",
            level_pct=trail.level_pct,
            peak_pct=trail.peak_pct,
        )
