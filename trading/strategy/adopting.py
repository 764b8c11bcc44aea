"""Positions that no session owns, where they touch a session: taking one over, and hearing that one was bought back.

The account may hold more of a leg's option than the session sold. That rest is *foreign*; ``LegState.baseline`` is what
of it the session expects. Adopting makes foreign contracts the session's own; flattening makes them fewer.
"""

from __future__ import annotations

from trading.strategy.events import Adopted, ForeignClosed
from trading.strategy.state import LegState, SessionState
from trading.strategy.turn import Turn
from trading.strategy.types import ZERO, Phase


def adoption_refusal(state: SessionState, event: Adopted) -> str:
    """Why the session cannot take these contracts over; empty when it can."""
    leg = leg_with(state, event.symbol)
    if state.phase not in (Phase.LIVE, Phase.ATTENTION) or state.exit_reason is not None:
        return f"the session is {state.phase.value}; only one that is live can take a position over"
    if leg is None:
        return f"{event.symbol} is not a leg of the session, whose legs are {' and '.join(state.symbols)}"
    if leg.working():
        return f"an order of the session in {event.symbol} is under way; try again in a moment"
    if event.foreign >= 0:
        held = f"a long position of {event.foreign}" if event.foreign else "nothing"
        return f"beside the session the account holds {held} in {event.symbol}; only a short position can be adopted"
    if not 0 < event.size <= -event.foreign:
        return f"the foreign position is {event.foreign:+d} contracts; between 1 and {-event.foreign} can be adopted"
    if event.price is None or event.price <= ZERO:
        return f"the venue reports no entry price for {event.symbol}, and none is invented"
    return ""


def absorb_adopted(turn: Turn, event: Adopted) -> None:
    """Take foreign contracts over, once per ``key``. What cannot be taken over changes nothing, and is said."""
    leg = leg_with(turn.state, event.symbol)
    if leg is not None and event.key in leg.adoptions:
        return
    refusal = adoption_refusal(turn.state, event)
    if refusal or leg is None or event.price is None:
        turn.say("adoption_refused", f"Not adopted: {refusal}", "warning", symbol=event.symbol, size=event.size)
        return
    turn.update_leg(
        leg,
        adopted=leg.adopted + event.size,
        adopted_value=leg.adopted_value + event.price * event.size,
        adoptions=(*leg.adoptions, event.key),
        baseline=_shrunk(leg.baseline, event.foreign + event.size),
    )
    turn.note(reconciled_at=turn.at)
    turn.say(
        "adopted",
        f"Adopted {event.size} of {event.symbol} at the venue's entry price {event.price.normalize():f}, which is the "
        "average of everything the account holds in it and not a fill of this session",
        "warning",
        symbol=event.symbol,
        size=event.size,
        price=event.price,
        actor=event.actor,
    )


def absorb_foreign_closed(turn: Turn, event: ForeignClosed) -> None:
    """Somebody closed foreign contracts of a leg's option through us: expect no more than what is left."""
    leg = leg_with(turn.state, event.symbol)
    if leg is None:
        return
    baseline = _shrunk(leg.baseline, event.left)
    if baseline != leg.baseline:
        turn.update_leg(leg, baseline=baseline)
        turn.note(reconciled_at=turn.at)
        turn.say(
            "foreign_closed",
            f"Foreign contracts of {event.symbol} were closed; the account holds {event.left:+d} beside this session",
            symbol=event.symbol,
            left=event.left,
        )


def leg_with(state: SessionState, symbol: str) -> LegState | None:
    """The leg of a symbol."""
    return next((leg for leg in state.legs if leg.instrument.symbol == symbol), None)


def adopted_already(state: SessionState, event: Adopted) -> bool:
    """Whether this very adoption has been done."""
    leg = leg_with(state, event.symbol)
    return leg is not None and event.key in leg.adoptions


def _shrunk(baseline: int, left: int) -> int:
    """The expected foreign part, now that ``left`` is all there is: never more, never of the other sign. What was
    foreign and not expected stays so, and goes on being said.
    """
    return max(min(baseline, max(left, 0)), min(left, 0))
