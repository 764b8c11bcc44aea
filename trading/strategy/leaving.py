"""Leaving what is not ours: a session closes what it owns, even where somebody else trades the same option."""

from __future__ import annotations

from trading.strategy.events import FillsRead, PositionsRead
from trading.strategy.turn import Turn

LEAVE_AFTER = 5
EVIDENCE_SECONDS = 5.0


def absorb_fills_read(turn: Turn, event: FillsRead) -> None:
    """Note that the fills of every order of the session were read: what no fill explains now is not ours."""
    ours = [order for leg in turn.state.legs for order in (*leg.orders, *leg.done, *leg.stops)]
    if all(order.intent.client_order_id in event.client_order_ids for order in ours):
        turn.note(fills_read_at=turn.at)


def leave_foreign(turn: Turn, event: PositionsRead) -> bool:
    """While closing, with everything of ours bought back and settled: take a difference that has stood through
    ``LEAVE_AFTER`` readings, and that no fill of our orders explains, for somebody else's, and say so. Returns whether
    that was done; the next reading may then prove the rest flat.
    """
    state = turn.state
    ours_is_over = not (state.held or state.unsettled or state.stops or event.open_orders)
    if not ours_is_over or state.mismatches < LEAVE_AFTER or turn.due(state.fills_read_at, EVIDENCE_SECONDS):
        return False
    sizes = {p.symbol: p.size for p in event.positions}
    for leg in state.legs:
        symbol, size = leg.instrument.symbol, sizes.get(leg.instrument.symbol, 0)
        if change := size - (leg.baseline - leg.net):
            turn.update_leg(leg, baseline=size + leg.net)
            if not size and leg.expired(turn.at):
                turn.say("foreign_settled", f"{-change:+d} {symbol} of somebody else's expired with the option")
                continue
            turn.say(
                "foreign_left",
                f"{change:+d} {symbol} came to the account from elsewhere: no order of this session explains them, and "
                "it leaves them there",
                "warning",
            )
    turn.update(mismatches=0)
    return True
