"""The strategy as one pure function: state and event in, next state, actions and the trace of why out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from operator import is_

from trading.strategy.adopting import absorb_adopted, absorb_foreign_closed
from trading.strategy.closing import absorb_positions, begin_exit, exiting, resume_exit
from trading.strategy.copying import passing
from trading.strategy.drift import notice_drift
from trading.strategy.entering import absorb_chain, entering, selecting, waiting
from trading.strategy.events import (
    Action,
    Adopted,
    ChainRead,
    Commanded,
    Event,
    FillSeen,
    FillsRead,
    ForeignClosed,
    LimitsSeen,
    MarketSeen,
    Order,
    OrderReported,
    PositionsChanged,
    PositionsRead,
    QuoteSeen,
    RuleResult,
    SettlementsRead,
    SpotSeen,
    Verdict,
)
from trading.strategy.exits import Look
from trading.strategy.guarding import guarding
from trading.strategy.leaving import absorb_fills_read
from trading.strategy.machine import Trigger
from trading.strategy.orders import absorb_fill, absorb_report, chase
from trading.strategy.pnl import Totals
from trading.strategy.settling import absorb_settlements
from trading.strategy.state import LegState, SessionState
from trading.strategy.turn import Turn
from trading.strategy.types import ExitReason, Phase, Quote


@passing
class Decision:
    """The outcome of one event.

    ``durable`` means the state changed in a way that must be on disk before the actions are taken. ``look`` is what the
    exit rules made of it, None where they were not asked.
    """

    state: SessionState
    actions: tuple[Action, ...]
    look: Look | None
    totals: Totals | None
    durable: bool

    @property
    def trace(self) -> tuple[RuleResult, ...]:
        """All ten rules with verdicts, figures and sentences, made when first read; empty where none was asked."""
        return self.look.results if self.look is not None else ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of the trace alone."""
        return self.look.verdicts if self.look is not None else ()


MAX_MOVES = 8
STAMPS_AHEAD = timedelta(seconds=10)
"""How far a quote's stamp may be ahead of the venue's clock as we know it; clocks differ, by less."""
CLOSED = Phase.CLOSED


def decide(state: SessionState, event: Event) -> Decision:
    """Work one event into the state and let every phase that follows have its say.

    Pure: the same input gives the same output.
    """
    turn = Turn(state, event.at)
    if state.phase is not CLOSED:
        _absorb(turn, event)
        _advance(turn)
    return Decision(turn.state, tuple(turn.actions), turn.look, turn.totals, turn.durable)


def _absorb(turn: Turn, event: Event) -> None:
    match event:
        case QuoteSeen():
            _see_quote(turn, event.quote)
        case SpotSeen():
            turn.state = turn.state.seeing(turn.state.legs, event.price, event.at)
        case MarketSeen():
            _see_market(turn, event)
        case OrderReported():
            absorb_report(turn, event.report)
            resume_exit(turn)
        case FillSeen():
            absorb_fill(turn, event.fill)
            resume_exit(turn)
        case PositionsRead():
            absorb_positions(turn, event)
        case FillsRead():
            absorb_fills_read(turn, event)
        case SettlementsRead():
            absorb_settlements(turn, event)
        case PositionsChanged():
            notice_drift(turn, event)
        case ChainRead():
            absorb_chain(turn, event)
        case LimitsSeen():
            turn.note(
                realised_today=event.realised_today,
                sessions_today=event.sessions_today,
                entries_allowed=event.entries_allowed,
                refusal=event.refusal,
            )
        case Commanded():
            _obey(turn, event)
        case Adopted():
            absorb_adopted(turn, event)
        case ForeignClosed():
            absorb_foreign_closed(turn, event)


def _see_quote(turn: Turn, quote: Quote) -> None:
    state = turn.state
    legs = _quoted(state.legs, (quote,), turn.at)
    if not all(map(is_, legs, state.legs)):
        turn.state = state.seeing(legs, None, turn.at)


def _see_market(turn: Turn, event: MarketSeen) -> None:
    turn.state = turn.state.seeing(_quoted(turn.state.legs, event.quotes, turn.at), event.spot, event.at)


def _quoted(legs: tuple[LegState, ...], quotes: tuple[Quote, ...], at: datetime) -> tuple[LegState, ...]:
    """The legs with these quotes; an older quote than the one at hand is left out."""
    return tuple([_newest(leg, quotes, at) for leg in legs])


def _newest(leg: LegState, quotes: tuple[Quote, ...], at: datetime) -> LegState:
    """One stamped well after the event that brought it counts as of then: a stamp from the future must not keep out
    what follows.
    """
    symbol, seen = leg.instrument.symbol, leg.quote
    for quote in quotes:
        if quote.symbol == symbol and (seen is None or quote.at >= seen.at):
            if quote.at > at and quote.at - at > STAMPS_AHEAD:
                quote = replace(quote, at=at)
            leg, seen = leg.seeing(quote), quote
    return leg


def _obey(turn: Turn, event: Commanded) -> None:
    who = event.actor or "an operator"
    match event.order:
        case Order.STOP:
            _leave(turn, ExitReason.STOPPED, f"stopped by {who}", urgent=False)
        case Order.PANIC:
            _leave(turn, ExitReason.PANIC_CLOSE, f"panic by {who}", urgent=True)
        case Order.HAND_OVER:
            _leave(turn, ExitReason.HANDED_OVER, f"handed over by {who}", urgent=False)


def _leave(turn: Turn, reason: ExitReason, detail: str, *, urgent: bool) -> None:
    if turn.phase in (Phase.WAITING, Phase.SELECTING):
        turn.say("abandoned", f"Ended before the entry: {detail}")
        turn.close(reason, Trigger.ABANDON)
    elif reason is ExitReason.HANDED_OVER and turn.state.exit_reason is not None:
        turn.say("command_ignored", "Already closing; a close that has begun is not handed over", "warning")
    else:
        begin_exit(turn, reason, detail, urgent=urgent)


def _advance(turn: Turn) -> None:
    """Let the phases act until nothing moves any more."""
    for _ in range(MAX_MOVES):
        before = turn.state.phase
        _ACTS[before](turn)
        if turn.state.phase is before:
            break
    if turn.state.phase is not CLOSED:
        chase(turn)


def _attending(turn: Turn) -> None:
    if turn.state.exit_reason is None:
        guarding(turn)
    else:
        exiting(turn)


def _resting(_turn: Turn) -> None:
    return


_ACTS: dict[Phase, Callable[[Turn], None]] = {
    Phase.IDLE: _resting,
    Phase.WAITING: waiting,
    Phase.SELECTING: selecting,
    Phase.ENTERING: entering,
    Phase.LIVE: guarding,
    Phase.EXITING: exiting,
    Phase.ATTENTION: _attending,
    Phase.CLOSED: _resting,
}
