"""The strategy as one pure function: state and event in, next state, actions and the trace of why out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trading.strategy.adopting import absorb_adopted, absorb_foreign_closed
from trading.strategy.closing import absorb_positions, begin_exit, exiting, resume_exit
from trading.strategy.drift import notice_drift
from trading.strategy.entering import absorb_chain, entering, selecting, waiting
from trading.strategy.events import (
    Action,
    Adopted,
    ChainRead,
    Commanded,
    Event,
    FillSeen,
    ForeignClosed,
    LimitsSeen,
    MarketSeen,
    Order,
    OrderReported,
    PositionsChanged,
    PositionsRead,
    QuoteSeen,
    RuleResult,
    SpotSeen,
)
from trading.strategy.guarding import guarding
from trading.strategy.machine import Trigger
from trading.strategy.orders import absorb_fill, absorb_report, chase
from trading.strategy.pnl import Totals
from trading.strategy.state import LegState, SessionState
from trading.strategy.turn import Turn
from trading.strategy.types import ExitReason, Phase, Quote


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one event.

    ``durable`` means the state changed in a way that must be on disk before the actions are taken.
    """

    state: SessionState
    actions: tuple[Action, ...]
    trace: tuple[RuleResult, ...]
    totals: Totals | None
    durable: bool


MAX_MOVES = 8


def decide(state: SessionState, event: Event) -> Decision:
    """Work one event into the state and let every phase that follows have its say.

    Pure: the same input gives the same output.
    """
    turn = Turn(state, event.at)
    if state.open:
        _absorb(turn, event)
        _advance(turn)
    return Decision(turn.state, tuple(turn.actions), turn.trace, turn.totals, turn.durable)


def _absorb(turn: Turn, event: Event) -> None:
    match event:
        case QuoteSeen():
            _see_quote(turn, event.quote)
        case SpotSeen():
            turn.note(**_spot(turn, event.price))
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
    legs = _quoted(turn.state.legs, (quote,))
    if legs is not turn.state.legs:
        turn.note(legs=legs)


def _see_market(turn: Turn, event: MarketSeen) -> None:
    spot = {} if event.spot is None else _spot(turn, event.spot)
    turn.note(legs=_quoted(turn.state.legs, event.quotes), **spot)


def _quoted(legs: tuple[LegState, ...], quotes: tuple[Quote, ...]) -> tuple[LegState, ...]:
    """The legs with these quotes; an older quote than the one at hand is left out."""
    for quote in quotes:
        for leg in legs:
            if leg.instrument.symbol == quote.symbol and (leg.quote is None or quote.at >= leg.quote.at):
                seen = leg.seeing(quote)
                legs = tuple([seen if old is leg else old for old in legs])
    return legs


def _spot(turn: Turn, price: Decimal) -> dict[str, object]:
    state = turn.state
    return {
        "spot": price,
        "spot_at": turn.at,
        "spot_high": max(state.spot_high or price, price),
        "spot_low": min(state.spot_low or price, price),
    }


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
        before = turn.phase
        _act(turn)
        if turn.phase is before:
            break
    if turn.state.open:
        chase(turn)


def _act(turn: Turn) -> None:
    match turn.phase:
        case Phase.WAITING:
            waiting(turn)
        case Phase.SELECTING:
            selecting(turn)
        case Phase.ENTERING:
            entering(turn)
        case Phase.LIVE:
            guarding(turn)
        case Phase.EXITING:
            exiting(turn)
        case Phase.ATTENTION:
            if turn.state.exit_reason is None:
                guarding(turn)
            else:
                exiting(turn)
        case Phase.IDLE | Phase.CLOSED:
            return
