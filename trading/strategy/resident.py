"""Stops resident at the venue: for when we cannot act.

While a session is live, each leg has one reduce-only stop-market order of exactly the held size at the venue, triggered
by the option's mark at ``venue_stop_multiple`` times the entry price. It is an order like any other (on disk before it
is sent, asked after when unknown, booked from its fills), but nothing ever waits for it: an exit is sent while the stop
still rests, and that both only reduce keeps the position from flipping. A refused or vanished stop is said aloud and
placed again a bounded number of times. Once one has fired, the other leg is closed too; once flat, what still rests is
cancelled before the account is proven flat.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal

from trading.strategy.events import Query
from trading.strategy.execution import client_order_id, to_tick
from trading.strategy.orders import cancel_stops
from trading.strategy.state import LegState, OrderState
from trading.strategy.turn import Turn
from trading.strategy.types import OrderIntent, OrderStatus, OrderType, Purpose, Side, TimeInForce

STOP_TRIES = 6
FIRST_PAUSE_SECONDS = 2
LONGEST_PAUSE_SECONDS = 300
SETTLED_IN_SECONDS = 30.0


def tend_stops(turn: Turn) -> None:
    """Have one stop at the venue for every open leg; to be called while live."""
    multiple = turn.state.params.venue_stop_multiple
    if multiple is None:
        return
    for leg in turn.state.legs:
        if leg.stops:
            _fit(turn, leg, leg.stops[-1])
        elif leg.held > 0 and not leg.orders and leg.stop_tries < STOP_TRIES and turn.due(leg.stop_retry_at, 0):
            _place(turn, leg, multiple)


def _place(turn: Turn, leg: LegState, multiple: Decimal) -> None:
    intent = _intent(turn.state.strategy_id, leg, multiple)
    if leg.stop_tries:
        _say_lost(turn, leg)
    pause = min(FIRST_PAUSE_SECONDS * 4**leg.stop_tries, LONGEST_PAUSE_SECONDS)
    turn.place(
        leg,
        intent,
        stop_attempts=leg.stop_attempts + 1,
        stop_tries=leg.stop_tries + 1,
        stop_retry_at=turn.at + timedelta(seconds=pause),
    )
    turn.say(
        "stop_placed",
        f"Stop for the {leg.option_type.value} to the venue: buy {intent.size} back when the mark reaches "
        f"{intent.stop_price}",
        stop_price=intent.stop_price,
        client_order_id=intent.client_order_id,
    )


def _intent(strategy_id: str, leg: LegState, multiple: Decimal) -> OrderIntent:
    """The stop: a market order for all that is held, behind a trigger on the tick."""
    number = leg.stop_attempts + 1
    trigger = to_tick((leg.entry_price or Decimal(0)) * multiple, leg.instrument.tick_size, ROUND_CEILING)
    return OrderIntent(
        client_order_id=client_order_id(strategy_id, leg.option_type, Purpose.STOP, number),
        leg=leg.option_type,
        purpose=Purpose.STOP,
        attempt=number,
        symbol=leg.instrument.symbol,
        product_id=leg.instrument.product_id,
        side=Side.BUY,
        size=leg.held,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        limit_price=None,
        reduce_only=True,
        decision_price=trigger,
        stop_price=trigger,
    )


def _say_lost(turn: Turn, leg: LegState) -> None:
    """Why there is no stop any more; with the last try, that it is the last."""
    gone = [order for order in leg.done if order.intent.purpose is Purpose.STOP]
    why = (gone[-1].detail or gone[-1].code or gone[-1].status.value) if gone else "unknown"
    last = leg.stop_tries + 1 == STOP_TRIES
    turn.say(
        "stop_lost",
        f"The {leg.option_type.value} has no stop at the venue ({why}); placing it again"
        + (" for the last time: after that, only this platform guards it" if last else ""),
        "error" if last else "warning",
        tries=leg.stop_tries,
    )


def _fit(turn: Turn, leg: LegState, resting: OrderState) -> None:
    """A stop of another size than what is held makes room for one that fits. One that has rested for a while was a
    success: its end later, for whatever reason, has all tries again.
    """
    if resting.status is not OrderStatus.OPEN:
        return
    if resting.intent.size != leg.held:
        if leg.stop_tries:
            turn.say("stop_resized", f"The {leg.option_type.value}'s stop no longer fits what is held; replacing it")
            leg = turn.update_leg(leg, stop_tries=0, stop_retry_at=None)
        cancel_stops(turn, leg)
    elif leg.stop_tries > 1 and turn.due(resting.sent_at, LONGEST_PAUSE_SECONDS):
        turn.update_leg(leg, stop_tries=1)


def fired_stop(turn: Turn) -> str:
    """What to say when a stop has fired at the venue; empty while none has."""
    for leg in turn.state.legs:
        if leg.fired is not None:
            return f"the {leg.option_type.value}'s stop at the venue fired at {leg.fired.intent.stop_price}"
    return ""


def clear_stops(turn: Turn) -> bool:
    """Cancel the stops of closed legs; True once no leg has any."""
    for leg in turn.state.legs:
        if leg.held <= 0:
            cancel_stops(turn, leg)
    return not any(leg.stops for leg in turn.state.legs if leg.held <= 0)


def give_stops_up(turn: Turn) -> bool:
    """Cancel every stop, whatever is held; True once none is left."""
    for leg in turn.state.legs:
        cancel_stops(turn, leg)
    return not turn.state.stops


def ask_after_missing(turn: Turn, open_orders: Collection[str]) -> None:
    """The venue listed its resting orders: ask after every stop of ours that should be among them and is not."""
    for leg in turn.state.legs:
        for order in leg.stops:
            intent = order.intent
            listed = intent.client_order_id in open_orders
            if order.status is OrderStatus.OPEN and not listed and turn.due(order.sent_at, SETTLED_IN_SECONDS):
                turn.do(Query(intent.client_order_id, intent.product_id, order.sent_at))
