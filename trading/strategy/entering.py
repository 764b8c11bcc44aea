"""From waiting to a balanced strangle: the entry window, the choice of strikes, and both legs sent together."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from trading.strategy.closing import buy_back
from trading.strategy.events import ChainRead, LoadChain, Watch
from trading.strategy.execution import entry_intent
from trading.strategy.machine import Trigger
from trading.strategy.margin import margin_refusal
from trading.strategy.orders import ABSENT_CODE, cancel_working
from trading.strategy.schedule import IST, exit_plan, next_entry
from trading.strategy.selection import Selection, select
from trading.strategy.state import LegState, SessionState
from trading.strategy.turn import Turn
from trading.strategy.types import ZERO, Chain, ChainRow, ExitReason, OrderStatus, Phase, Position, Purpose

FIGURES = re.compile(r"[0-9.,]+")
"""What may differ between two refusals that say the same."""
SELECT_AGAIN_SECONDS = 5.0
CHAIN_REPLY_SECONDS = 60.0
ATTEMPT_OVERHEAD_SECONDS = 5
UNWINDING_SECONDS = 15.0
"""What is kept of a naked-leg budget for buying the lone leg back: two closes that get lost take 6.5 s each."""
NOT_OUR_STRIKES = frozenset({"in_the_money", "delta_band", "premium_band", "expected_move"})
PASSING_CODES = frozenset(
    {
        *("order_size_not_available_in_orderbook", "order_size_exceed_available", "no_liquidity_for_market_order"),
        *("unsupported", "immediate_execution_post_only", "self_matching_disrupted_post_only"),
        *("overlapping_buy_sell_orders", "stale_order", "unavailable", "expired_signature", "signatureexpired"),
        *("rate_limit_exceeded", "too_many_requests", "rate_budget", "internal_server_error", "html", "bad_json"),
        *("bad_body", "timeout", "disconnected", "not_sent", "not_ready", ABSENT_CODE),
    }
)
"""Refusals that may pass by the next attempt. Every other one, and one that nobody knows, would only come again."""


def waiting(turn: Turn) -> None:
    """Open the window when its time comes, or plan the next one when it was missed."""
    state = turn.state
    if state.enter_now:
        turn.move(Trigger.WINDOW_OPEN)
        turn.update(plan=None, retry_at=turn.at + timedelta(seconds=state.params.entry_window_seconds))
        return
    if state.plan is None or turn.at >= state.plan.entry_until:
        plan = next_entry(state.params, turn.at, not_before_day=state.plan.day if state.plan else None)
        turn.update(plan=plan)
        turn.say(
            "entry_planned",
            f"Next entry on {plan.entry_at.astimezone(IST):%A, %d %B at %H:%M} IST",
            entry_at=plan.entry_at.isoformat(),
            entry_until=plan.entry_until.isoformat(),
        )
        return
    if turn.at >= state.plan.entry_at:
        turn.move(Trigger.WINDOW_OPEN)
        turn.update(retry_at=state.plan.entry_until)


def selecting(turn: Turn) -> None:
    """Ask for the chain; ask again while the window is open."""
    state = turn.state
    if state.retry_at is not None and turn.at >= state.retry_at:
        _give_up(turn)
    elif turn.due(state.asked_at, SELECT_AGAIN_SECONDS if state.refusals else CHAIN_REPLY_SECONDS):
        turn.note(asked_at=turn.at)
        turn.do(LoadChain(state.params.underlying))


def absorb_chain(turn: Turn, event: ChainRead) -> None:
    """Choose strikes from a chain that was just read and send both legs, or say why not."""
    state = turn.state
    if state.phase is not Phase.SELECTING:
        return
    refusal = _day_refusal(turn)
    if refusal:
        _refuse(turn, refusal, (refusal,))
        return
    if event.chain is None:
        _refuse(turn, f"The option chain could not be read: {event.error}", (event.error,))
        return
    chosen = select(state.params, _without_longs(event.chain, event.positions), turn.at)
    if not chosen.ok or chosen.call is None or chosen.put is None:
        _refuse(turn, chosen.summary, tuple(r.message for r in chosen.refusals))
        return
    if short := margin_refusal(event.margin, (chosen.call, chosen.put)):
        _refuse(turn, short, (short,))
        return
    _enter(turn, chosen, event)


def _without_longs(chain: Chain, positions: tuple[Position, ...]) -> Chain:
    """The chain without options that the account is long of: sold there, ours would only make somebody else's position
    smaller, and no reduce-only order could ever buy all of ours back.
    """
    long = {position.symbol for position in positions if position.size > 0}
    if not long:
        return chain
    return replace(chain, rows=tuple(row for row in chain.rows if row.instrument.symbol not in long))


def _enter(turn: Turn, chosen: Selection, event: ChainRead) -> None:
    rows = (chosen.call, chosen.put)
    legs = tuple(_new_leg(turn, row, event.positions) for row in rows if row is not None)
    turn.move(Trigger.PICKED)
    spot = event.chain.spot if event.chain is not None else None
    turn.update(
        legs=legs, entering_at=turn.at, spot=spot, spot_at=turn.at, spot_entry=spot, spot_high=spot, spot_low=spot,
        refusals=(), selection_summary=chosen.summary, margin_required=event.margin.required if event.margin else None,
        exit=exit_plan(turn.state.params, entered_at=turn.at, settlement_at=legs[0].instrument.settlement_at),
    )  # fmt: skip
    turn.do(Watch(turn.state.symbols))
    turn.say(
        "strikes_selected",
        _picked(legs, chosen),
        credit=chosen.credit,
        symbols=list(turn.state.symbols),
        margin_required=turn.state.margin_required,
        deltas=[leg.quote.delta if leg.quote else None for leg in legs],
    )
    entering(turn)


def _picked(legs: tuple[LegState, ...], chosen: Selection) -> str:
    """The choice in one sentence for the decision feed."""
    deltas = " / ".join(f"{leg.quote.delta:.2f}" for leg in legs if leg.quote and leg.quote.delta is not None)
    strikes = " and ".join(f"{leg.option_type.value} {leg.instrument.strike:,.0f}" for leg in legs)
    refused = "".join(
        f"; {count} refused by {gate.replace('_', ' ')}"
        for gate, count in chosen.refused_by.items()
        if count and gate not in NOT_OUR_STRIKES
    )
    return f"Selling {strikes}, Δ {deltas}, of {chosen.considered} strikes{refused}".replace("-", "−")


def _new_leg(turn: Turn, row: ChainRow, positions: tuple[Position, ...]) -> LegState:
    baseline = sum(p.size for p in positions if p.symbol == row.instrument.symbol)
    return LegState(
        option_type=row.instrument.option_type,
        instrument=row.instrument,
        target=turn.state.params.quantity,
        baseline=baseline,
        decision_price=row.quote.bid,
        quote=row.quote,
    )


def entering(turn: Turn) -> None:
    """Drive both legs towards the asked size; complete, shrink to the matched size, or unwind within the naked-leg
    budget.
    """
    _watch_balance(turn)
    completing = completing_seconds(turn.state.params.naked_leg_seconds)
    if turn.state.unbalanced_at is not None and turn.due(turn.state.unbalanced_at, completing):
        _block(turn, "the rest of the naked-leg budget is needed for unwinding")
    if too_much := _naked_beyond_budget(turn.state):
        _block(turn, too_much)
    params = turn.state.params
    patience = (
        params.order_attempts * (params.order_timeout_seconds + ATTEMPT_OVERHEAD_SECONDS) + params.naked_leg_seconds
    )
    if turn.due(turn.state.entering_at, patience):
        _block(turn, "the entry took too long")
    for leg in turn.state.legs:
        _drive_entry(turn, leg)
    uneven_since = turn.state.unbalanced_at
    _settle_entry(
        turn,
        out_of_time=uneven_since is not None and turn.due(uneven_since, completing + 2),
        over=turn.due(turn.state.entering_at, patience + UNWINDING_SECONDS),
    )


def _watch_balance(turn: Turn) -> None:
    call, put = turn.state.legs
    if call.held == put.held:
        if turn.state.unbalanced_at is not None:
            turn.update(unbalanced_at=None)
    elif turn.state.unbalanced_at is None:
        turn.update(unbalanced_at=_uneven_since(turn, call, put))


def completing_seconds(budget: float) -> float:
    """How much of a naked-leg budget may go into completing the pair, in seconds: half, or less if that would not leave
    enough for two closes that get lost one after the other, each known to be lost only after its patience; a quarter
    at least.
    """
    return max(budget / 4, min(budget / 2, budget - UNWINDING_SECONDS))


def _uneven_since(turn: Turn, call: LegState, put: LegState) -> datetime:
    """When one leg got ahead: a leg without a twin was naked from its first fill on, however late we heard of it, but
    not before the entry began, whatever clock the fill was stamped by.
    """
    ahead, behind = (call, put) if call.held > put.held else (put, call)
    if behind.held or ahead.entry_at is None:
        return turn.at
    return min(max(ahead.entry_at, turn.state.entering_at or turn.at), turn.at)


def naked_delta(state: SessionState) -> Decimal | None:
    """Dollars of delta of the contracts that one leg holds beyond the other: |Δ| × contracts × units × spot. None
    while the venue tells no delta or no spot.
    """
    matched, dollars = min(leg.held for leg in state.legs), ZERO
    for leg in state.legs:
        if ahead := leg.held - matched:
            delta = leg.quote.delta if leg.quote is not None else None
            if delta is None or state.spot is None:
                return None
            dollars += abs(Decimal(str(delta))) * ahead * leg.instrument.contract_value * state.spot
    return dollars


def _naked_beyond_budget(state: SessionState) -> str:
    limit = state.params.naked_leg_delta_usd
    if limit is None or (dollars := naked_delta(state)) is None or dollars <= limit:
        return ""
    return f"the lone leg's delta of ${dollars:,.0f} is over its budget of ${limit:,.0f}"


def _block(turn: Turn, why: str) -> None:
    for leg in turn.state.legs:
        if not leg.blocked and leg.entry_size < leg.target:
            turn.update_leg(leg, blocked=why)


def _drive_entry(turn: Turn, leg: LegState) -> None:
    entries = leg.working(Purpose.ENTRY)
    if leg.blocked or leg.entry_size >= leg.target:
        cancel_working(turn, leg, Purpose.ENTRY)
    if entries or leg.entry_size >= leg.target or leg.blocked:
        return
    last = leg.done[-1] if leg.done else None
    if last is not None and last.status is OrderStatus.REJECTED and last.code and last.code not in PASSING_CODES:
        turn.update_leg(leg, blocked=f"the venue refused: {last.detail or last.code}")
    elif leg.attempts >= turn.state.params.order_attempts:
        turn.update_leg(leg, blocked=f"{leg.attempts} attempts are used up")
    elif (intent := entry_intent(turn.state.strategy_id, leg, turn.state.params)) is not None:
        turn.place(leg, intent, attempts=leg.attempts + 1)


def _settle_entry(turn: Turn, *, out_of_time: bool, over: bool) -> None:
    """Go live, shrink, or give up: ``out_of_time`` for a pair that is uneven, ``over`` for one with orders of which the
    venue tells no end. What such an entry holds is guarded by nobody, so it is bought back.
    """
    state = turn.state
    call, put = state.legs
    if any(leg.entry_size < leg.target and not leg.blocked for leg in state.legs):
        return
    matched = min(call.held, put.held, state.params.quantity)
    surplus = [leg for leg in state.legs if leg.held > matched]
    if state.unsettled:
        if out_of_time and call.held != put.held:
            abandon_entry(turn, ExitReason.ENTRY_FAILED, "one leg could not be resolved within the naked-leg budget")
        elif over:
            abandon_entry(turn, ExitReason.ENTRY_FAILED, "the venue does not tell what became of its orders")
    elif matched == 0:
        why = "; ".join(f"{leg.option_type.value}: {leg.blocked or 'filled'}" for leg in state.legs)
        abandon_entry(turn, ExitReason.ENTRY_FAILED, why)
    elif not surplus:
        _go_live(turn, matched)
    else:
        for leg in surplus:
            more = leg.held > state.params.quantity
            buy_back(turn, leg, leg.held - matched, "more was sold than asked" if more else "the other leg holds less")


def abandon_entry(turn: Turn, reason: ExitReason, why: str) -> None:
    """Give the entry up and close whatever it sold."""
    turn.move(Trigger.EXIT)
    turn.update(exit_reason=reason, exit_detail=why, exit_at=turn.at, urgent=True)
    for leg in turn.state.legs:
        turn.update_leg(leg, tries=0, retry_at=None)
    turn.say("entry_abandoned", f"Entry given up: {why}", "warning")


def _go_live(turn: Turn, size: int) -> None:
    state = turn.state
    turn.move(Trigger.BALANCED)
    for leg in state.legs:
        turn.update_leg(leg, target=size, tries=0, retry_at=None)
    turn.update(live_at=turn.at, unbalanced_at=None)
    seconds = (turn.at - (state.entering_at or turn.at)).total_seconds()
    slip = sum((_slippage(leg) for leg in state.legs), Decimal(0))
    short = "" if size == state.params.quantity else f" at {size} of {state.params.quantity} contracts"
    turn.say(
        "entered",
        f"Both legs filled in {seconds:.1f} s{short}; slippage {-slip:+.1f} per unit against the bid",
        seconds=seconds,
        credit=turn.state.credit,
    )


def _slippage(leg: LegState) -> Decimal:
    """Dollars per unit lost against the bid at which the strike was picked."""
    return (leg.decision_price or Decimal(0)) - (leg.entry_price or Decimal(0))


def _day_refusal(turn: Turn) -> str:
    state, params = turn.state, turn.state.params
    if not state.entries_allowed:
        return state.refusal or "Entries are locked."
    if params.max_sessions_per_day is not None and state.sessions_today >= params.max_sessions_per_day:
        return f"{state.sessions_today} sessions entered today; the limit is {params.max_sessions_per_day}."
    if params.daily_loss_limit is not None and -state.realised_today >= params.daily_loss_limit:
        return f"Today's realised loss is ${-state.realised_today:.2f}; the limit is ${params.daily_loss_limit:.2f}."
    return ""


def _refuse(turn: Turn, summary: str, refusals: tuple[str, ...]) -> None:
    if FIGURES.sub("", turn.state.selection_summary) != FIGURES.sub("", summary):
        turn.say("selection_refused", summary, "warning", refusals=list(refusals[:12]))
    turn.update(selection_summary=summary, refusals=refusals[:12] or (summary,))


def _give_up(turn: Turn) -> None:
    """The window closed without an entry: a repeating configuration goes on with its next session, one run ends."""
    turn.say("entry_window_closed", f"No entry: {turn.state.selection_summary or 'the chain never arrived'}", "warning")
    turn.close(ExitReason.NO_ENTRY, Trigger.ABANDON)
