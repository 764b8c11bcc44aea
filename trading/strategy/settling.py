"""Options that expired while we held them: the venue is asked what it settled them at, and that is booked as what it
is, a settlement. Nothing is worked out here: without the venue's word there is no price.
"""

from __future__ import annotations

from decimal import Decimal

from trading.strategy.events import ReadSettlements, SettlementsRead
from trading.strategy.state import LegState
from trading.strategy.turn import Turn
from trading.strategy.types import ZERO, ExitReason, Settlement

ASK_AGAIN_SECONDS = 10.0
FRESH_FILLS_SECONDS = 15.0
PATIENCE_SECONDS = 900.0
"""How long the venue may take to say it, from the first question of this worker on."""
OUTSIDE = "were closed outside this session"
UNTOLD = "expired and the venue does not say what they settled at"
DOLLAR_PLACES = Decimal("1e-8")
ORDERED = (ExitReason.STOPPED, ExitReason.PANIC_CLOSE, ExitReason.CLOSED_OUTSIDE)
"""Reasons that stay: what an operator ordered, and that some contracts have no price."""


def holds_expired(turn: Turn) -> bool:
    """Whether contracts are still on the books whose option has expired."""
    return any(leg.held > 0 and leg.expired(turn.at) for leg in turn.state.legs)


def awaits_settlement(turn: Turn, leg: LegState) -> bool:
    """Contracts of this leg are gone: whether the venue may still say that it settled them. Has it asked, now and then,
    once all fills of ours are known; until then nothing is known of the leg. False for an option that lives, and when
    patience has run out.
    """
    state = turn.state
    if not leg.expired(turn.at):
        return False
    if not state.fills_told:
        _remark(turn, "The fills of this session could not be read, so what expired cannot be told apart from them")
        return True
    if state.settling_since is not None and turn.due(state.settling_since, PATIENCE_SECONDS):
        return False
    if state.settling_since is None:
        turn.update(settling_since=turn.at)
    fresh = not turn.due(state.fills_read_at, FRESH_FILLS_SECONDS)
    if fresh and turn.due(state.settlement_asked_at, ASK_AGAIN_SECONDS):
        _ask(turn)
    return True


def _ask(turn: Turn) -> None:
    state = turn.state
    legs = [leg for leg in state.legs if leg.held > 0 and leg.expired(turn.at)]
    since = state.reconciled_at or state.live_at or state.entering_at or legs[0].instrument.settlement_at
    fill_ids = tuple(fill_id for leg in state.legs for fill_id in leg.fill_ids)
    turn.note(settlement_asked_at=turn.at)
    turn.do(
        ReadSettlements(tuple(leg.instrument.symbol for leg in legs), legs[0].instrument.settlement_at, since, fill_ids)
    )


def absorb_settlements(turn: Turn, event: SettlementsRead) -> None:
    """Book what the venue says; what it does not say is said out loud, and asked for again."""
    state = turn.state
    if state.settling_since is None or event.fills != sum(len(leg.fill_ids) for leg in state.legs):
        return
    if not event.ok:
        if not state.settlement_note:
            _remark(turn, f"What the expired options settled at could not be read: {event.error}")
        return
    told = {settlement.symbol: settlement for settlement in event.settlements}
    untold: list[str] = []
    for leg in state.legs:
        if leg.held > 0 and leg.expired(turn.at):
            if (settlement := told.get(leg.instrument.symbol)) is None:
                untold.append(leg.instrument.symbol)
            else:
                _book(turn, leg, settlement)
    if untold:
        _remark(turn, f"The venue does not say yet what {' and '.join(untold)} settled at")


def _remark(turn: Turn, text: str) -> None:
    if turn.state.settlement_note != text:
        turn.update(settlement_note=text)
        turn.say("settlement_unknown", text, "warning")
        turn.doubt(text)


def _book(turn: Turn, leg: LegState, seen: Settlement) -> None:
    """Take a leg off the books at the venue's price. Fewer contracts settled than we held: the others were closed by
    somebody else before, at a price that nobody told us.
    """
    net = seen.size if seen.size is not None else leg.baseline - leg.net + seen.traded
    ours = min(leg.held, max(leg.baseline - net, 0))
    foreign = abs(net + ours)
    fee = (seen.fee * ours / (ours + foreign)).quantize(DOLLAR_PLACES) if ours else ZERO
    gone = leg.held - ours
    symbol, price = leg.instrument.symbol, f"{seen.price.normalize():f}"
    turn.update_leg(
        leg,
        settled=leg.settled + ours,
        settled_value=leg.settled_value + seen.price * ours,
        settled_fees=leg.settled_fees + fee,
        settled_at=seen.at if ours else leg.settled_at,
        exit_at=max(leg.exit_at or seen.at, seen.at) if ours else leg.exit_at,
        external=leg.external + gone,
        baseline=0,
    )
    if ours:
        shared = f", our share of {seen.fee.normalize():f}" if foreign and seen.fee else ""
        turn.say(
            "settled",
            f"{ours} of {symbol} expired and were settled by the venue at {price}"
            + (f", fee {fee.normalize():f}{shared}" if fee else ""),
            price=seen.price,
            size=ours,
            fee=fee,
            settled_at=seen.at.isoformat(),
        )
    if gone:
        say_closed_outside(turn, symbol, gone, OUTSIDE)
    elif turn.state.exit_reason not in ORDERED:
        turn.update(exit_reason=ExitReason.SETTLEMENT, exit_detail="the venue settled what had expired")
    turn.update(mismatches=0, read_at=None)


def say_closed_outside(turn: Turn, symbol: str, gone: int, why: str) -> None:
    """Contracts left the books without a price; that is the reason the session ends with."""
    turn.say("closed_outside", f"{gone} of {symbol} {why}; no price is booked for them", "error")
    turn.update(exit_reason=ExitReason.CLOSED_OUTSIDE, mismatches=0)
