"""Keeping track of orders: booking reports and fills, asking after the unknown, cancelling what rests too long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from trading.strategy.arming import is_suspected
from trading.strategy.events import Cancel, FetchFills, Query
from trading.strategy.state import LegState, OrderState
from trading.strategy.turn import Turn
from trading.strategy.types import Fill, OrderReport, OrderStatus, Purpose

ASK_AGAIN_SECONDS = 1.0
ASK_LATER_SECONDS = 5.0
ASKS_BEFORE_DOUBT = 60
"""After so many questions without an answer that settles it, an order is put to the operator and asked after less
often: a venue that does not know will not know any sooner, and its request budget is needed for closing.
"""
REPLY_SECONDS = 30.0
ABSENT_CODE = "absent"


def leg_of(turn: Turn, client_order_id: str) -> LegState | None:
    """The leg that owns this client order id."""
    for leg in turn.state.legs:
        if leg.find(client_order_id) is not None:
            return leg
    return None


def absorb_report(turn: Turn, report: OrderReport) -> None:
    """Book what the venue said of an order. A report about somebody else's order changes nothing."""
    leg = leg_of(turn, report.client_order_id)
    order = leg.find(report.client_order_id) if leg is not None else None
    if leg is None or order is None:
        return
    changed = order.reported_by(report)
    if changed == order:
        return
    turn.update_leg(leg.with_order(changed))
    if is_suspected(leg, changed):
        return
    if order.status is OrderStatus.REJECTED and report.status is OrderStatus.OPEN:
        cancel_revenant(turn, changed)
    if changed.status is OrderStatus.REJECTED and order.status is not OrderStatus.REJECTED:
        turn.say(
            "order_rejected",
            f"{_name(changed)} {_refusal(changed)}",
            "warning",
            client_order_id=report.client_order_id,
            code=changed.code,
        )
    elif changed.status is OrderStatus.UNKNOWN and not order.doubted:
        _replace(turn, replace(changed, doubted=True))
        turn.say(
            "order_unknown",
            f"{_name(changed)}: {_doubt(changed)}; asking what became of it",
            "warning",
            client_order_id=report.client_order_id,
        )


def cancel_revenant(turn: Turn, order: OrderState) -> None:
    """Cancel an order that rests at the venue although its end is in the books: called absent, and there after all."""
    if not turn.due(order.cancel_at, ASK_AGAIN_SECONDS):
        return
    if order.cancel_at is None:
        turn.say(
            "order_revived",
            f"{_name(order)} rests at the venue although it was taken for ended; cancelling it",
            "warning",
            client_order_id=order.intent.client_order_id,
        )
    _cancel(turn, order)


def cancel_revenants(turn: Turn, open_orders: Iterable[str]) -> None:
    """Cancel every ended order of ours among those the venue lists as resting."""
    for client_order_id in open_orders:
        leg = leg_of(turn, client_order_id)
        order = leg.find(client_order_id) if leg is not None else None
        if order is not None and order.final:
            cancel_revenant(turn, order)


def absorb_fill(turn: Turn, fill: Fill) -> None:
    """Book an execution once, whatever order it arrives in and however often.

    One of an order that was taken for rejected says that the venue has it: the venue is asked for its end.
    """
    leg = leg_of(turn, fill.client_order_id)
    if leg is None:
        return
    changed = leg.booked(fill)
    if changed is leg:
        return
    turn.update_leg(changed)
    if changed.net < min(leg.net, 0):
        turn.say(
            "overbought",
            f"{-changed.net} of {fill.symbol} bought beyond what this session had sold: contracts of somebody else's "
            "were bought back by two closes of ours",
            "error",
            client_order_id=fill.client_order_id,
        )
    order = changed.find(fill.client_order_id)
    if order is not None and order.status is OrderStatus.REJECTED:
        turn.do(Query(fill.client_order_id, order.intent.product_id, order.sent_at))


def chase(turn: Turn) -> None:
    """Ask after every order that is not settled: unknown ones, resting ones that had their time, final ones whose
    fills are missing.
    """
    missing: list[str] = []
    oldest = turn.at
    for leg in turn.state.legs:
        if not (leg.orders or leg.stops):
            continue
        for order in (*leg.orders, *leg.stops):
            if order.final:
                if turn.due(order.asked_at, _pause(order)):
                    missing.append(order.intent.client_order_id)
                    oldest = min(oldest, order.sent_at)
                    _asked(turn, order)
                continue
            _chase_open(turn, order)
    if missing:
        turn.do(FetchFills(tuple(missing), oldest))


def cancel_stops(turn: Turn, leg: LegState) -> None:
    """Ask the venue to cancel the leg's resting stops now; one without an answer is asked after first."""
    for order in leg.stops:
        if order.status is OrderStatus.OPEN and turn.due(order.cancel_at, ASK_AGAIN_SECONDS):
            _cancel(turn, order)


def cancel_working(turn: Turn, leg: LegState, *purposes: Purpose) -> None:
    """Ask the venue to cancel the open orders of these purposes now."""
    for order in leg.working(*purposes):
        if order.status is OrderStatus.OPEN and turn.due(order.cancel_at, ASK_AGAIN_SECONDS):
            _cancel(turn, order)


def _chase_open(turn: Turn, order: OrderState) -> None:
    intent = order.intent
    silent = order.status is OrderStatus.INTENT and turn.due(order.sent_at, REPLY_SECONDS)
    if order.status is OrderStatus.UNKNOWN or silent:
        if turn.due(order.asked_at, _pause(order)):
            turn.do(Query(intent.client_order_id, intent.product_id, order.sent_at))
            _asked(turn, order)
        return
    expired = not order.rests_as_stop and turn.due(order.sent_at, turn.state.params.order_timeout_seconds)
    if order.status is OrderStatus.OPEN and expired and turn.due(order.cancel_at, ASK_AGAIN_SECONDS):
        _cancel(turn, order)


def _cancel(turn: Turn, order: OrderState) -> None:
    intent = order.intent
    turn.do(Cancel(intent.client_order_id, order.venue_order_id, intent.product_id))
    _replace(turn, replace(order, cancel_at=turn.at))


def _pause(order: OrderState) -> float:
    return ASK_AGAIN_SECONDS if order.asks < ASKS_BEFORE_DOUBT else ASK_LATER_SECONDS


def _asked(turn: Turn, order: OrderState) -> None:
    asks = order.asks + 1
    _replace(turn, replace(order, asked_at=turn.at, asks=asks))
    if asks == ASKS_BEFORE_DOUBT:
        wanted = "its fills are not told" if order.final else "its end is not known"
        turn.doubt(f"{_name(order)}: {wanted} after {asks} questions; still asking")


def _replace(turn: Turn, order: OrderState) -> None:
    """Swap an order for a copy that only remembers when it was asked after; a crash may forget that."""
    leg = leg_of(turn, order.intent.client_order_id)
    if leg is not None:
        turn.state = turn.state.with_leg(leg.with_order(order))


def _refusal(order: OrderState) -> str:
    if order.code == ABSENT_CODE:
        return "never reached the venue"
    return f"was refused: {order.detail or order.code or 'no reason given'}"


def _doubt(order: OrderState) -> str:
    return order.detail.rstrip(".") or "no answer from the venue"


def _name(order: OrderState) -> str:
    intent = order.intent
    what = f"{intent.side.value} {intent.size} {intent.symbol}"
    return f"{intent.purpose.value.capitalize()} order {intent.client_order_id} ({what})"
