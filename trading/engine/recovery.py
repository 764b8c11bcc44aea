"""Start-up is crash recovery: every order that is not settled is unknown until the venue has been asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trading.strategy.arming import is_suspected, suspected
from trading.strategy.events import Action, FetchFills, Journal, Watch
from trading.strategy.state import LegState, OrderState, SessionState
from trading.strategy.types import OrderStatus


def recover(state: SessionState, at: datetime) -> tuple[SessionState, tuple[Action, ...]]:
    """The state to go on with after a restart, and what to ask the venue first.

    Requests in flight died with the process: their clocks are cleared, their orders become ``unknown``, and the
    fills of every order of the session are read again. Armed exits may have been sent, so they are unknown too. Until
    the unknown is resolved the strategy sends nothing in its place; guards run from the first quote. Blindness counts
    from now: the time without a worker was not a silence of the venue.
    """
    legs = tuple(_forget_requests(leg, at) for leg in state.legs)
    resumed = replace(
        state,
        legs=legs,
        asked_at=None,
        read_at=None,
        whole_read_at=None,
        settling_since=None,
        settlement_asked_at=None,
        mismatches=0,
    )
    if not legs:
        return resumed, (Journal("resumed", f"Worker started; session resumed while {state.phase.value}"),)
    orders = [order for leg in legs for order in (*leg.orders, *leg.stops, *leg.done)]
    actions: list[Action] = [Watch(resumed.symbols)]
    if orders:
        ids = tuple(order.intent.client_order_id for order in orders)
        actions.append(FetchFills(ids, min(order.sent_at for order in orders)))
    unknown = sum(not is_suspected(leg, order) for leg in legs for order in (*leg.orders, *leg.stops))
    asked = f"; asking the venue about {unknown} order{'s' if unknown != 1 else ''}" if unknown else ""
    actions.append(Journal("resumed", f"Worker started; session resumed while {state.phase.value}{asked}", "warning"))
    return resumed, tuple(actions)


def _forget_requests(leg: LegState, at: datetime) -> LegState:
    orders = tuple(_unknown(order) for order in leg.orders)
    stops = tuple(_unknown(order) for order in leg.stops)
    kept = replace(leg, retry_at=None, stop_retry_at=None, quote=None, priced_at=at, orders=orders, stops=stops)
    return suspected(kept)


def _unknown(order: OrderState) -> OrderState:
    status = order.status if order.final else OrderStatus.UNKNOWN
    return replace(order, status=status, asked_at=None, cancel_at=None)
