"""The exit rules, evaluated in one fixed order: the first ten members of ``ExitReason``.

Each rule answers act, hold, off or unknown, with its value and threshold. Rules on prices answer ``unknown`` while the
cost to close is not known: a missing quote is neither a profit nor a loss. Losses are judged gross, so that costs never
trigger a stop; profits net of all fees.

All ten are judged at every look (``judging.py``). The figures and the sentence that go with a verdict are made here,
when somebody reads them: at a rule that acts, in the trace, on the page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache

from trading.strategy.events import RuleResult, Verdict
from trading.strategy.judging import JUDGES, ExitContext, delta_seen, index_move, multiple
from trading.strategy.pnl import Leg
from trading.strategy.schedule import IST
from trading.strategy.types import ZERO, ExitReason

CLOCK_METER_SECONDS = 3600.0
ACT = Verdict.ACT


@dataclass(frozen=True)
class Look:
    """What the rules made of one look: the verdicts in the fixed order, and ``results`` for whoever reads them."""

    context: ExitContext
    verdicts: tuple[Verdict, ...]

    @cached_property
    def results(self) -> tuple[RuleResult, ...]:
        """All ten with their figures and sentences."""
        return tuple([tell(self.context, verdict) for tell, verdict in zip(TELLERS, self.verdicts, strict=True)])

    @property
    def acting(self) -> RuleResult | None:
        """The rule that ends the session, or None. Only this one is told of: closing does not wait for the others."""
        if ACT not in self.verdicts:
            return None
        return TELLERS[self.verdicts.index(ACT)](self.context, ACT)


def look(ctx: ExitContext) -> Look:
    """Judge all ten rules, in order, whether or not an earlier one acts."""
    return Look(ctx, tuple([judge(ctx) for judge in JUDGES]))


def max_loss(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """Gross loss on cost to close, in percent of the credit, reached the limit."""
    limit, value = ctx.params.max_loss_pct, ctx.totals.gross_pct
    detail = f"gross {value:+.1f} % against a limit of −{limit:.1f} %"
    return _priced(ctx, ExitReason.MAX_LOSS, verdict, value, -limit, "%", _share(-value, limit), detail)


def max_profit(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """Net profit in percent of the credit reached the target."""
    target, value = ctx.params.max_profit_pct, ctx.totals.net_pct
    detail = f"net {value:+.1f} % against a target of {target:+.1f} %"
    return _priced(ctx, ExitReason.MAX_PROFIT, verdict, value, target, "%", _share(value, target), detail)


def trailing(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """Net profit fell back to the level that the ladder locked."""
    rule, trail, value = ExitReason.TRAILING_SL, ctx.trail, ctx.totals.net_pct
    if verdict is Verdict.OFF:
        return _off(rule, "%")
    level = trail.level_pct
    if level is None:
        detail = f"no level locked yet; peak {trail.peak_pct:+.1f} %"
        return _priced(ctx, rule, verdict, value, None, "%", 0.0, detail)
    detail = f"net {value:+.1f} % against a locked level of {level:+.1f} %; peak {trail.peak_pct:+.1f} %"
    progress = _share(trail.peak_pct - value, trail.peak_pct - level)
    return _priced(ctx, rule, verdict, value, level, "%", progress, detail)


def leg_stop(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """One leg costs a multiple of its entry price to buy back. A leg whose price is known acts even while the other's
    is not.
    """
    rule, limit = ExitReason.LEG_STOP, ctx.params.leg_stop_multiple
    if limit is None:
        return _off(rule, "x")
    worst, unknown = _worst_leg(ctx)
    if worst is None:
        return RuleResult(rule, verdict, None, limit, "x", 0.0, unknown or "no open leg")
    times, leg, price = worst
    detail = f"{leg.instrument.symbol} costs {price} to close, {times:.2f}x its entry at {leg.terms.entry_price}"
    if verdict is Verdict.UNKNOWN:
        detail = unknown
    return _judged(rule, verdict, times, limit, "x", _share(times, limit), detail)


def underlying_stop(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """The index moved a distance, in percent, from where it was at entry."""
    rule, limit = ExitReason.UNDERLYING_STOP, ctx.params.underlying_stop_pct
    if limit is None:
        return _off(rule, "%")
    if ctx.spot is None or not ctx.entry_spot:
        missing = "no index price" if ctx.spot is None else "the index price at entry is not known"
        return RuleResult(rule, verdict, None, limit, "%", 0.0, missing)
    move = index_move(ctx.spot, ctx.entry_spot)
    detail = f"index {ctx.spot}, {move:+.2f} % from {ctx.entry_spot} at entry"
    return _judged(rule, verdict, abs(move), limit, "%", _share(abs(move), limit), detail)


def delta_stop(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """The position's net delta, per contract pair, left its corridor in either direction."""
    rule, limit, net = ExitReason.DELTA_STOP, ctx.params.delta_stop, ctx.totals.net_delta
    if limit is None:
        return _off(rule, "Δ")
    if net is None:
        return RuleResult(rule, verdict, None, limit, "Δ", 0.0, "a leg has no fresh delta")
    value = delta_seen(net)
    return _judged(rule, verdict, value, limit, "Δ", _share(value, limit), f"net delta {net:+.3f} a pair")


def time_exit(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """The planned exit came. Off when the settlement guard is what planned it."""
    if verdict is Verdict.OFF:
        return _off(ExitReason.TIME_EXIT, "s", "the settlement guard comes first")
    return _clock(ExitReason.TIME_EXIT, verdict, ctx.now, ctx.exit_at, "exit")


def settlement_guard(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """The last instant to be flat before the settlement average came."""
    return _clock(ExitReason.SETTLEMENT_GUARD, verdict, ctx.now, ctx.guard_at, "settlement guard")


def stale_data(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """A quote that the session depends on is too old to be guarded by."""
    rule, limit, age = ExitReason.STALE_DATA, Decimal(ctx.params.stale_quote_seconds), ctx.newest_quote_age_seconds
    if age is None:
        return RuleResult(rule, verdict, None, limit, "s", 0.0, "no quote yet")
    value = Decimal(f"{age:.3f}")
    detail = f"no usable quote for {age:.1f} s, limit {limit} s"
    return _judged(rule, verdict, value, limit, "s", _share(value, limit), detail)


def daily_loss(ctx: ExitContext, verdict: Verdict) -> RuleResult:
    """The day's realised net result together with this session's net reached the daily loss limit, in dollars."""
    rule, limit = ExitReason.DAILY_LOSS, ctx.params.daily_loss_limit
    if limit is None:
        return _off(rule, "$")
    value = ctx.realised_today + ctx.totals.net
    detail = f"today {value:+.2f} $ against a limit of −{limit:.2f} $"
    return _priced(ctx, rule, verdict, value, -limit, "$", _share(-value, limit), detail)


TELLERS: tuple[Callable[[ExitContext, Verdict], RuleResult], ...] = (
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


def _priced(
    ctx: ExitContext,
    rule: ExitReason,
    verdict: Verdict,
    value: Decimal,
    threshold: Decimal | None,
    unit: str,
    progress: float,
    detail: str,
) -> RuleResult:
    told = detail if ctx.totals.complete else ctx.totals.why_not
    return _judged(rule, verdict, value, threshold, unit, progress, told)


def _judged(
    rule: ExitReason,
    verdict: Verdict,
    value: Decimal,
    threshold: Decimal | None,
    unit: str,
    progress: float,
    detail: str,
) -> RuleResult:
    return RuleResult(rule, verdict, value, threshold, unit, 1.0 if verdict is ACT else progress, detail)


def _off(rule: ExitReason, unit: str, detail: str = "") -> RuleResult:
    return RuleResult(rule, Verdict.OFF, None, None, unit, 0.0, detail)


def _clock(rule: ExitReason, verdict: Verdict, now: datetime, at: datetime, label: str) -> RuleResult:
    left = (at - now).total_seconds()
    progress = min(max(1.0 - left / CLOCK_METER_SECONDS, 0.0), 1.0)
    return _judged(rule, verdict, Decimal(f"{left:.3f}"), ZERO, "s", progress, _instant(label, at))


@lru_cache(maxsize=64)
def _instant(label: str, at: datetime) -> str:
    """The same for a whole session, and dear to write ten times a second."""
    return f"{label} at {at.astimezone(IST):%H:%M:%S} IST"


def _worst_leg(ctx: ExitContext) -> tuple[tuple[Decimal, Leg, Decimal] | None, str]:
    worst: tuple[Decimal, Leg, Decimal] | None = None
    unknown: list[str] = []
    for leg, valued in zip(ctx.legs, ctx.totals.legs, strict=True):
        if leg.terms.size_open == 0:
            continue
        price, times = valued.close_price, multiple(leg, valued)
        if price is None or times is None:
            unknown.append(valued.why_not or f"{leg.option_type.value}: no entry price")
        elif worst is None or times > worst[0]:
            worst = (times, leg, price)
    return worst, "; ".join(unknown)


def _share(value: Decimal, limit: Decimal) -> float:
    """How far ``value`` is on its way to ``limit``, 0 to 1."""
    if limit <= 0:
        return 1.0 if value >= limit else 0.0
    return min(max(float(value / limit), 0.0), 1.0)
