"""Getting out: closing orders that never give up, the proof of flat, and what to do when the venue and the ledger
disagree.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from trading.strategy.arming import clear_suspicion
from trading.strategy.events import FetchFills, PositionsRead, ReadPositions
from trading.strategy.execution import close_intent
from trading.strategy.leaving import leave_foreign
from trading.strategy.machine import Trigger
from trading.strategy.orders import cancel_revenants, cancel_working
from trading.strategy.resident import ask_after_missing, clear_stops, give_stops_up
from trading.strategy.settling import (
    OUTSIDE,
    UNTOLD,
    awaits_settlement,
    holds_expired,
    say_closed_outside,
)
from trading.strategy.state import LegState
from trading.strategy.turn import Turn
from trading.strategy.types import ExitReason, OrderStatus, Phase, Purpose

READ_AGAIN_SECONDS = 2.0
CONFIRM_SECONDS = 1.0
READ_REPLY_SECONDS = 30.0
CALM_TRIES = 2
GONE_CODES = frozenset(
    {
        "no_position_for_reduce_only",
        "no_position_left_for_reduce_only",
        "no_open_position",
        "reduce_only_orders_allowed",
        "offset_by_reduce_only",
    }
)
MISMATCHES_BEFORE_ATTENTION = 3
STOPS_GONE_SECONDS = 60.0
UNREADABLE_AGAIN_SECONDS = 300.0
"""A venue whose every second answer fails is told of once in a while, not at every look."""


def buy_back(turn: Turn, leg: LegState, surplus: int, why: str) -> None:
    """Buy back contracts that have no twin, once a second until they are gone; ``why`` completes the sentence."""
    if turn.due(leg.retry_at, 0):
        state, again = turn.state, turn.at + timedelta(seconds=1)
        intent = close_intent(
            state.strategy_id, leg, state.params, Purpose.UNWIND, surplus, urgent=leg.tries > CALM_TRIES - 1
        )
        turn.place(leg, intent, exits=leg.exits + 1, tries=leg.tries + 1, retry_at=again)
        turn.say("leg_shrunk", f"Buying {surplus} of the {leg.option_type.value} back: {why}", "warning")


def begin_exit(turn: Turn, reason: ExitReason, detail: str, *, urgent: bool = False) -> None:
    """Decide to close. The first reason stays, a later panic only makes it urgent; but a hand-over that is not done
    yet gives way to whoever wants the position closed.
    """
    state = turn.state
    pending = state.exit_reason is ExitReason.HANDED_OVER and reason is not ExitReason.HANDED_OVER
    if state.exit_reason is None or pending:
        turn.update(exit_reason=reason, exit_detail=detail, exit_at=turn.at)
        turn.say("exit_decided", f"Closing: {detail}", "warning" if urgent else "info", reason=reason.value)
    turn.update(urgent=state.urgent or urgent, mismatches=0, unread=False, read_at=None)
    for leg in turn.state.legs:
        if leg.tries or leg.retry_at is not None:
            turn.update_leg(leg, tries=0, retry_at=None)
    if state.phase in (Phase.LIVE, Phase.ENTERING):
        turn.move(Trigger.EXIT)
    elif state.phase is Phase.ATTENTION and state.held:
        turn.move(Trigger.EXIT)
        turn.update(attention="")


def resume_exit(turn: Turn) -> None:
    """After a crash: a close that had left before it was written down is found at the venue, so the exit goes on."""
    if clear_suspicion(turn) and turn.state.exit_reason is None:
        begin_exit(turn, ExitReason.RESUMED_EXIT, "an exit sent just before the worker died was found at the venue")


def exiting(turn: Turn) -> None:
    """Cancel what rests, buy back what is held, then prove that the account is flat. A close that does not succeed
    looks at the positions too: they may be gone (settled, closed by hand) without the venue saying so in its refusals.
    """
    state = turn.state
    if state.exit_reason is ExitReason.HANDED_OVER:
        _hand_over(turn)
        return
    for leg in turn.state.legs:
        cancel_working(turn, leg, Purpose.ENTRY)
    for leg in turn.state.legs:
        _drive_close(turn, leg)
    cleared = clear_stops(turn)
    if not cleared and all(turn.due(leg.exit_at or state.exit_at, STOPS_GONE_SECONDS) for leg in turn.state.legs):
        turn.doubt("A stop at the venue could not be cancelled; still trying")
    to_be_read = turn.state.held == 0 or turn.phase is Phase.ATTENTION or holds_expired(turn)
    if cleared and not turn.state.unsettled and to_be_read:
        _read_positions(turn)


def _hand_over(turn: Turn) -> None:
    for leg in turn.state.legs:
        cancel_working(turn, leg, Purpose.ENTRY, Purpose.EXIT, Purpose.UNWIND)
    if give_stops_up(turn) and not turn.state.unsettled:
        held = ", ".join(f"{leg.held} {leg.instrument.symbol}" for leg in turn.state.legs if leg.held)
        turn.say("handed_over", f"Handed over to the operator, still short: {held or 'nothing'}", "warning")
        turn.close(ExitReason.HANDED_OVER, Trigger.FLAT)


def _drive_close(turn: Turn, leg: LegState) -> None:
    if leg.held <= 0 or leg.working(Purpose.EXIT, Purpose.UNWIND, Purpose.STOP) or not turn.due(leg.retry_at, 0):
        return
    if _expired_unseen(turn, leg):
        return
    if _refused_as_gone(turn, leg) and turn.state.mismatches < MISMATCHES_BEFORE_ATTENTION:
        _read_positions(turn)
        return
    state = turn.state
    intent = close_intent(state.strategy_id, leg, state.params, Purpose.EXIT, leg.held, urgent=state.urgent)
    pause = 0 if leg.tries < CALM_TRIES else min(leg.tries, 5)
    turn.place(
        leg,
        intent,
        exits=leg.exits + 1,
        tries=leg.tries + 1,
        retry_at=turn.at + timedelta(seconds=pause),
        armed=None,
        armed_at=None,
    )
    if leg.tries + 1 >= state.params.order_attempts + 4 and state.phase is Phase.EXITING:
        turn.doubt(f"The {leg.option_type.value} could not be closed in {leg.tries} attempts; still trying")


def _expired_unseen(turn: Turn, leg: LegState) -> bool:
    """The option has expired: there is nothing to buy any more, unless a look since then still shows the position."""
    state = turn.state
    if not leg.expired(turn.at):
        return False
    seen = state.reconciled_at is not None and state.reconciled_at > leg.instrument.settlement_at
    return state.settling_since is not None or not seen


def _refused_as_gone(turn: Turn, leg: LegState) -> bool:
    """The venue said that there is nothing to close, and no later look at the positions has contradicted it."""
    last = leg.done[-1] if leg.done else None
    if last is None or last.status is not OrderStatus.REJECTED or last.code not in GONE_CODES:
        return False
    return turn.state.reconciled_at is None or turn.state.reconciled_at < last.sent_at


def _read_positions(turn: Turn) -> None:
    if turn.due(turn.state.read_at, READ_AGAIN_SECONDS if turn.state.mismatches else READ_REPLY_SECONDS):
        turn.note(read_at=turn.at)
        turn.do(ReadPositions(turn.state.symbols))


def _read_again_soon(turn: Turn) -> None:
    """A read was answered: the next one need not wait as long as for a lost answer, but is not asked in a circle."""
    ago = 0.0 if turn.state.mismatches else READ_REPLY_SECONDS - READ_AGAIN_SECONDS
    turn.note(read_at=turn.at - timedelta(seconds=ago))


def reconcile_now(turn: Turn) -> None:
    """Ask the venue what it holds and what rests there, whatever was asked before."""
    turn.note(read_at=turn.at, whole_read_at=turn.at)
    turn.do(ReadPositions(turn.state.symbols))


def glance(turn: Turn) -> None:
    """Ask the venue what it holds of the session's options, and nothing else."""
    turn.note(read_at=turn.at)
    turn.do(ReadPositions(turn.state.symbols, whole=False))


def absorb_positions(turn: Turn, event: PositionsRead) -> None:
    """Compare the venue with the ledger.

    A failed read is unknown, never flat; orders in flight make the comparison void. A glance can open a doubt and
    settles none: that it takes whole readings to do.
    """
    state = turn.state
    if not state.legs or not state.open or (not event.whole and (state.mismatches or state.exit_reason is not None)):
        return
    if not event.ok:
        if not state.mismatches and turn.due(state.unreadable_at, UNREADABLE_AGAIN_SECONDS):
            turn.note(unreadable_at=turn.at)
            turn.say("positions_unreadable", f"Positions could not be read: {event.error}", "warning")
        # A doubt is looked into faster than a venue that does not answer is asked again.
        grace = 0 if state.exit_reason is not None else READ_AGAIN_SECONDS - CONFIRM_SECONDS
        read_at = turn.at + timedelta(seconds=grace)
        turn.note(read_at=read_at, mismatches=state.mismatches or 1, unread=state.unread or not state.mismatches)
        return
    if state.unsettled:
        # A session that is guarded looks again at its own pace.
        if state.exit_reason is not None:
            _read_again_soon(turn)
        return
    if event.whole:
        ask_after_missing(turn, event.open_orders)
        cancel_revenants(turn, event.open_orders)
    wrong = _differences(turn, event)
    if wrong:
        _disagree(turn, event, wrong)
        return
    turn.note(reconciled_at=turn.at)
    if not event.whole:
        return
    if state.mismatches or state.settling_since is not None:
        turn.update(mismatches=0, settling_since=None, unread=False)
    if state.exit_reason is not None:
        _read_again_soon(turn)
    if turn.phase is Phase.ATTENTION and state.exit_reason is None:
        turn.move(Trigger.RESOLVED)
        turn.update(attention="")
        turn.say("resolved", "Venue and ledger agree again")
    elif turn.phase in (Phase.EXITING, Phase.ATTENTION) and state.held == 0 and not state.stops:
        _prove_flat(turn, event)


def _prove_flat(turn: Turn, event: PositionsRead) -> None:
    shown = {p.symbol: p.size for p in event.positions if p.symbol in turn.state.symbols}
    raw: dict[str, Any] = {"raw": list(event.raw)} if event.raw else {}
    turn.say(
        "proof_of_flat",
        "The venue shows nothing of ours: no position, no resting order, no stop",
        positions=shown,
        open_orders=list(event.open_orders),
        symbols=list(turn.state.symbols),
        answers=list(event.answers),
        **raw,
    )
    turn.close(ExitReason.STOPPED, Trigger.FLAT)


def _differences(turn: Turn, event: PositionsRead) -> list[str]:
    sizes = {p.symbol: p.size for p in event.positions}
    wrong = []
    for leg in turn.state.legs:
        expected = leg.baseline - leg.net
        actual = sizes.get(leg.instrument.symbol, 0)
        if actual != expected:
            wrong.append(f"{leg.instrument.symbol}: venue {actual:+d}, ledger {expected:+d}")
    expected_to_rest = tuple(order.intent.client_order_id for order in turn.state.stops)
    wrong.extend(f"order {coid} rests at the venue" for coid in event.open_orders if coid not in expected_to_rest)
    return wrong


def _disagree(turn: Turn, event: PositionsRead, wrong: list[str]) -> None:
    count = 1 if turn.state.unread else turn.state.mismatches + 1
    since = turn.at if count == 1 else turn.state.differs_since
    turn.update(mismatches=count, read_at=turn.at, unread=False, differs_since=since)
    sought = [order for leg in turn.state.legs for order in (*leg.done, *leg.stops)]
    ids = tuple(order.intent.client_order_id for order in sought)
    sent = [order.sent_at for order in sought]
    if ids:
        turn.do(FetchFills(ids, min(sent)))
    if count == 1 and turn.state.exit_reason is None:
        turn.say("drift_noticed", "Venue and ledger differ; reading again: " + "; ".join(wrong), "warning")
    if count < MISMATCHES_BEFORE_ATTENTION:
        return
    if not _only_expired(turn, event):
        turn.doubt("Venue and ledger disagree: " + "; ".join(wrong))
    if turn.state.exit_reason is not None:
        _accept_vanished(turn, event)
        if leave_foreign(turn, event):
            _read_again_soon(turn)


def _only_expired(turn: Turn, event: PositionsRead) -> bool:
    """While closing: nothing rests but stops, which end with their option, and the venue shows no more of options that
    have expired, as it should.
    """
    ending = {order.intent.client_order_id for order in turn.state.stops}
    if turn.state.exit_reason is None or not ending.issuperset(event.open_orders):
        return False
    sizes = {p.symbol: p.size for p in event.positions}
    return all(
        leg.expired(turn.at) and not sizes.get(leg.instrument.symbol, 0)
        for leg in turn.state.legs
        if sizes.get(leg.instrument.symbol, 0) != leg.baseline - leg.net
    )


def _accept_vanished(turn: Turn, event: PositionsRead) -> None:
    """While closing: contracts the venue no longer shows expired, and it is asked what they settled at, or were closed
    elsewhere. The latter, and what it never says, leave the books without a price, once every fill of ours is known.
    """
    sizes = {p.symbol: p.size for p in event.positions}
    for leg in turn.state.legs:
        gone = min(leg.held, sizes.get(leg.instrument.symbol, 0) - (leg.baseline - leg.net))
        if gone > 0 and not awaits_settlement(turn, leg) and turn.state.fills_told:
            turn.update_leg(leg, external=leg.external + gone)
            expired = leg.expired(turn.at)
            say_closed_outside(turn, leg.instrument.symbol, gone, UNTOLD if expired else OUTSIDE)
