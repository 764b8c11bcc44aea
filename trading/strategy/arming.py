"""Armed exits: the next closing order of each leg, on disk before it is needed, so that closing waits for no disk.

While a session is live, every leg keeps an ``armed`` intent: its client order id is final, its price is that of the
moment and is set anew when it is sent. The shell may send a close whose id was armed on disk at once and write it down
meanwhile. The price of that: after a crash an armed id may be at the venue although no order of it is in the books.
So recovery holds every armed id for *unknown*, asks, and either arms the next id instead (never sent) or books it as
the order that it is and goes on closing.
"""

from __future__ import annotations

from dataclasses import replace

from trading.strategy.execution import close_intent
from trading.strategy.state import LegState, OrderState, SessionState
from trading.strategy.turn import Turn
from trading.strategy.types import OrderStatus, Purpose

NEVER_SENT = "never_sent"
"""Code of a suspected order of which the venue knew nothing: it has no row in the ledger, unless it turns up."""


def arm(turn: Turn) -> None:
    """Have an armed intent on every open leg whose next close has none."""
    state = turn.state
    for leg in state.legs:
        if leg.held <= 0 or leg.orders or _is_armed(leg):
            continue
        intent = close_intent(state.strategy_id, leg, state.params, Purpose.EXIT, leg.held, urgent=False)
        # Nothing has been decided yet, so there is no price of the decision.
        turn.update_leg(leg, armed=replace(intent, decision_price=None), armed_at=turn.at)


def armed_ids(state: SessionState) -> frozenset[str]:
    """Client order ids that may be sent before they are written down again: armed, and not suspected."""
    armed = (leg.armed.client_order_id for leg in state.legs if leg.armed is not None and not leg.orders)
    return frozenset(armed)


def _is_armed(leg: LegState) -> bool:
    armed = leg.armed
    return armed is not None and armed.attempt == leg.exits + 1 and armed.size == leg.held


def suspected(leg: LegState) -> LegState:
    """After a crash: this leg with its armed intent as an order that may have been sent."""
    if leg.armed is None or leg.armed_at is None or leg.find(leg.armed.client_order_id) is not None:
        return leg
    return leg.with_order(OrderState(leg.armed, leg.armed_at, status=OrderStatus.UNKNOWN))


def is_suspected(leg: LegState, order: OrderState) -> bool:
    """Whether this is the order of an armed intent of which only the venue knows if it was sent."""
    return leg.armed is not None and leg.armed.client_order_id == order.intent.client_order_id


def clear_suspicion(turn: Turn) -> bool:
    """Judge the suspected orders by what the venue has said by now. True when one of them had been sent: then it counts
    as the leg's attempt to close, and the session must go on closing.
    """
    sent = False
    for leg in turn.state.legs:
        order = leg.find(leg.armed.client_order_id) if leg.armed is not None else None
        if order is None:
            continue
        if order.venue_order_id or order.reported or order.booked:
            turn.update_leg(leg, armed=None, armed_at=None, exits=leg.exits + 1, tries=leg.tries + 1)
            sent = True
        elif order.status is OrderStatus.REJECTED:
            # Its id is not used again, and it is kept: the request may reach the venue after the question did.
            never = leg.with_order(replace(order, code=NEVER_SENT))
            turn.update_leg(never, armed=None, armed_at=None, exits=leg.exits + 1)
    return sent
