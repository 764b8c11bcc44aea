"""The verdicts of the exit rules: what is worked out at every look, and nothing more. ``exits.py`` tells of them.

Every judge has the fixed order's place of its rule in ``JUDGES``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from trading.strategy.copying import passing
from trading.strategy.events import Verdict
from trading.strategy.pnl import Leg, LegPnl, Totals
from trading.strategy.trailing import TrailState
from trading.strategy.types import ZERO, StrategyParams

# Members of an enumeration are looked up by a function each time; these are read a dozen times a look.
ACT, HOLD, OFF, UNKNOWN = Verdict.ACT, Verdict.HOLD, Verdict.OFF, Verdict.UNKNOWN
_ONE = Decimal(1)
_HUNDRED = Decimal(100)


@passing
class ExitContext:
    """Everything the rules look at. ``totals.legs`` and ``legs`` are in the same order; ``trail`` has already seen the
    totals.

    ``spot`` and ``entry_spot`` are index dollars; ``newest_quote_age_seconds`` is the age of the oldest quote that is
    needed (None: there is none); ``realised_today`` is net dollars of the day's earlier sessions.
    """

    params: StrategyParams
    totals: Totals
    legs: Sequence[Leg]
    spot: Decimal | None
    entry_spot: Decimal | None
    trail: TrailState
    now: datetime
    exit_at: datetime
    guard_at: datetime
    newest_quote_age_seconds: float | None
    realised_today: Decimal = ZERO


def max_loss(ctx: ExitContext) -> Verdict:
    """Acts when the gross loss reached the limit."""
    if not ctx.totals.complete:
        return UNKNOWN
    return ACT if ctx.totals.gross_pct <= -ctx.params.max_loss_pct else HOLD


def max_profit(ctx: ExitContext) -> Verdict:
    """Acts when the net profit reached the target."""
    if not ctx.totals.complete:
        return UNKNOWN
    return ACT if ctx.totals.net_pct >= ctx.params.max_profit_pct else HOLD


def trailing(ctx: ExitContext) -> Verdict:
    """Acts when the net profit is at or below the locked level."""
    if not (ctx.params.trailing_sl_enabled and ctx.params.trailing_rules):
        return OFF
    if not ctx.totals.complete:
        return UNKNOWN
    level = ctx.trail.level_pct
    return ACT if level is not None and ctx.totals.net_pct <= level else HOLD


def leg_stop(ctx: ExitContext) -> Verdict:
    """Acts when a leg's offer reached the multiple of its entry."""
    limit = ctx.params.leg_stop_multiple
    if limit is None:
        return OFF
    judged, verdict = False, HOLD
    for index, leg in enumerate(ctx.legs):
        if leg.terms.size_open == 0:
            continue
        times = multiple(leg, ctx.totals.legs[index])
        if times is None:
            verdict = UNKNOWN
        elif times >= limit:
            return ACT
        else:
            judged = True
    return verdict if judged else UNKNOWN


def multiple(leg: Leg, valued: LegPnl) -> Decimal | None:
    """The leg's offer as a multiple of its entry; None while one of them is not known."""
    price, entry = valued.close_price, leg.terms.entry_price
    return None if price is None or entry <= ZERO else price / entry


def underlying_stop(ctx: ExitContext) -> Verdict:
    """Acts when the index moved the distance, up or down."""
    limit, spot, entry = ctx.params.underlying_stop_pct, ctx.spot, ctx.entry_spot
    if limit is None:
        return OFF
    if spot is None or not entry:
        return UNKNOWN
    return ACT if abs(index_move(spot, entry)) >= limit else HOLD


def index_move(spot: Decimal, entry: Decimal) -> Decimal:
    """Percent from the index at entry."""
    return (spot / entry - _ONE) * _HUNDRED


def delta_stop(ctx: ExitContext) -> Verdict:
    """Acts when the net delta is at or beyond the corridor's edge."""
    limit, net = ctx.params.delta_stop, ctx.totals.net_delta
    if limit is None:
        return OFF
    if net is None:
        return UNKNOWN
    return ACT if delta_seen(net) >= limit else HOLD


def delta_seen(net: float) -> Decimal:
    """How far the net delta is from zero, to six places."""
    return abs(Decimal(f"{net:.6f}"))


def time_exit(ctx: ExitContext) -> Verdict:
    """Acts at the planned exit, unless the guard planned it."""
    if ctx.exit_at >= ctx.guard_at:
        return OFF
    return ACT if ctx.now >= ctx.exit_at else HOLD


def settlement_guard(ctx: ExitContext) -> Verdict:
    """Acts at the guard's instant."""
    return ACT if ctx.now >= ctx.guard_at else HOLD


def stale_data(ctx: ExitContext) -> Verdict:
    """Acts when the oldest quote that is needed reached its limit, to the millisecond."""
    age, limit = ctx.newest_quote_age_seconds, ctx.params.stale_quote_seconds
    if age is None:
        return UNKNOWN
    # A float is slow to round, and far from the limit rounding decides nothing.
    return ACT if age > limit - 1 and round(age, 3) >= limit else HOLD


def daily_loss(ctx: ExitContext) -> Verdict:
    """Acts when the day's net with this session's reached the limit."""
    limit = ctx.params.daily_loss_limit
    if limit is None:
        return OFF
    if not ctx.totals.complete:
        return UNKNOWN
    return ACT if ctx.realised_today + ctx.totals.net <= -limit else HOLD


JUDGES: tuple[Callable[[ExitContext], Verdict], ...] = (
    max_loss,
    max_profit,
    trailing,
    leg_stop,
    underlying_stop,
    delta_stop,
    time_exit,
    settlement_guard,
    stale_data,
    daily_loss,
)
