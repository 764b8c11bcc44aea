"""From the strategy's state to what the store keeps: the session, its legs, its orders.

Field names are the reference's where it has one.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from trading.engine.ports import (
    LegRecord,
    OrderRecord,
    SessionRecord,
    SessionSpec,
    SessionWrite,
    SettlementRecord,
)
from trading.strategy.arming import NEVER_SENT
from trading.strategy.codec import dumps
from trading.strategy.decide import Decision
from trading.strategy.events import Event, FillSeen, Journal, Place
from trading.strategy.pnl import Totals
from trading.strategy.state import LegState, OrderState, SessionState
from trading.strategy.types import ZERO, ExitReason, Fill, OrderIntent, Repeat

NO_REPEAT = (ExitReason.STOPPED, ExitReason.PANIC_CLOSE, ExitReason.HANDED_OVER)


def number(value: Decimal | float | None, places: int = 8) -> float | None:
    """A JSON number, or None."""
    return None if value is None else round(float(value), places)


def instant(at: datetime | None) -> str | None:
    """ISO 8601 with Z, or None."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def session_write(
    spec: SessionSpec, before: SessionState, decision: Decision, event: Event, *, journal: tuple[Journal, ...] = ()
) -> SessionWrite:
    """Everything one decision has to put on disk, as one atomic write."""
    said = journal or tuple(action for action in decision.actions if isinstance(action, Journal))
    return SessionWrite(
        session_id=spec.session_id,
        record=session_record(decision.state, decision.totals, event.at),
        intents=_intents(before, decision),
        orders=_changed_orders(before, decision.state, event.at),
        fills=_new_fills(before, decision.state, event),
        settlements=_new_settlements(before, decision.state),
        journal=tuple((event.at, line) for line in said),
        at=event.at,
        repeats=before.open and _goes_on(decision.state),
    )


def _goes_on(state: SessionState) -> bool:
    """Closed by itself, and the configuration repeats."""
    return not state.open and state.params.repeat is Repeat.DAILY and state.exit_reason not in NO_REPEAT


def session_record(state: SessionState, totals: Totals | None, at: datetime) -> SessionRecord:
    """The session row: phase, state, times, totals and legs."""
    return SessionRecord(
        phase=state.phase,
        state=dumps(state),
        activated_at=state.entering_at,
        deactivated_at=state.closed_at,
        exit_reason=state.exit_reason,
        pnl_summary=pnl_summary(state, totals, at),
        metadata=metadata(state, at),
        legs=tuple(_leg_record(leg) for leg in state.legs),
    )


def pnl_summary(state: SessionState, totals: Totals | None, at: datetime) -> dict[str, object]:
    """Totals of the session in dollars

    ``realized`` and ``total`` are net of fees (``reference_product.md`` §2.11, with D1 corrected).
    """
    fees = sum((leg.fees for leg in state.legs), ZERO)
    open_pnl = totals.net - state.realised if totals is not None and state.held else ZERO
    total = state.realised + open_pnl
    credit = state.credit
    return {
        "realized": number(state.realised),
        "unrealized": number(open_pnl),
        "total": number(total),
        "total_pnl": number(total),
        "total_pnl_pct": number(total / credit * 100, 4) if credit else 0.0,
        "notional": number(credit),
        "credit": number(credit),
        "fees": number(fees),
        "pnl_before_fees": number(total + fees),
        "updated_at": instant(at),
        "max_profit_seen": number(state.best),
        "max_profit_seen_pct": number(state.best_pct, 4),
        "max_drawdown_seen": number(-state.worst),
        "max_drawdown_seen_pct": number(-state.worst_pct, 4),
        "trailing_level_pct": number(state.trail.level_pct, 4),
        "trailing_enabled": state.params.trailing_sl_enabled,
        "spot": spot_view(state),
        "exit_reason": state.exit_reason.value if state.exit_reason else None,
    }


def spot_view(state: SessionState) -> dict[str, object]:
    """Index prices of the session in dollars."""
    return {
        "entry": number(state.spot_entry),
        "exit": number(state.spot_exit),
        "last": number(state.spot),
        "high": number(state.spot_high),
        "low": number(state.spot_low),
        "updated_at": instant(state.spot_at),
    }


def metadata(state: SessionState, at: datetime) -> dict[str, object]:
    """What is told of a session besides its ledgers."""
    return {
        "schedule": {
            "scheduled_entry_at": instant(state.plan.entry_at if state.plan else state.entering_at),
            "planned_exit_at": instant(state.exit.exit_at if state.exit else None),
            "guard_at": instant(state.exit.guard_at if state.exit else None),
            "settlement_at": instant(state.exit.settlement_at if state.exit else None),
        },
        "entry": {
            "entry_started_at": instant(state.entering_at),
            "entry_completed_at": instant(state.live_at),
            "selection_summary": state.selection_summary,
            "refusals": list(state.refusals),
            "margin_required": number(state.margin_required),
        },
        "exit": {
            "exit_reason": state.exit_reason.value if state.exit_reason else None,
            "exit_detail": state.exit_detail,
            "exit_triggered_at": instant(state.exit_at),
        },
        "reconciled_at": instant(state.reconciled_at),
        "attention": state.attention,
        "updated_at": instant(at),
    }


def _leg_record(leg: LegState) -> LegRecord:
    quote = leg.quote
    return LegRecord(
        leg=leg.option_type.value,
        symbol=leg.instrument.symbol,
        side="short",
        quantity=leg.sold,
        open_quantity=leg.held,
        contract_size=leg.instrument.contract_value,
        entry_price=leg.entry_price,
        exit_price=leg.exit_price,
        realized_pnl=leg.realised - leg.fees,
        fees=leg.fees,
        entry_time=leg.entry_at,
        exit_time=leg.exit_at if leg.held == 0 else None,
        analytics={
            "strike": number(leg.instrument.strike),
            "settlement_at": instant(leg.instrument.settlement_at),
            "target": leg.target,
            "external": leg.external,
            "settled": leg.settled,
            "settlement_price": number(leg.settlement_price),
            "adopted": leg.adopted,
            "baseline": leg.baseline,
            "decision_price": number(leg.decision_price),
            "mark_price": number(quote.mark) if quote else None,
            "delta": number(quote.delta, 6) if quote else None,
            "fees": _fees(leg),
        },
    )


def _fees(leg: LegState) -> dict[str, float | None]:
    parts = {"entry": leg.entry_fees, "exit": leg.exit_fees, "total": leg.fees}
    if leg.settled:
        parts["settlement"] = leg.settled_fees
    return {name: number(value) for name, value in parts.items()}


def _new_settlements(before: SessionState, after: SessionState) -> tuple[SettlementRecord, ...]:
    known = {leg.option_type: leg.settled for leg in before.legs}
    return tuple(
        SettlementRecord(
            leg.option_type.value,
            leg.instrument.symbol,
            leg.settled,
            leg.settlement_price,
            leg.settled_fees,
            leg.settled_at,
        )
        for leg in after.legs
        if leg.settled > known.get(leg.option_type, 0) and leg.settlement_price is not None and leg.settled_at
    )


def _all_orders(state: SessionState) -> dict[str, OrderState]:
    return {order.intent.client_order_id: order for leg in state.legs for order in (*leg.done, *leg.orders, *leg.stops)}


def _intents(before: SessionState, decision: Decision) -> tuple[OrderIntent, ...]:
    """What is sent now, and armed exits that a crash had left without a row and that the venue turned out to have, be
    it after it had denied them.
    """
    sent = tuple(action.intent for action in decision.actions if isinstance(action, Place))
    suspected = {leg.armed.client_order_id for leg in before.legs if leg.armed and leg.find(leg.armed.client_order_id)}
    known = {leg.armed.client_order_id for leg in decision.state.legs if leg.armed} | {i.client_order_id for i in sent}
    denied = {key for key, order in _all_orders(before).items() if order.code == NEVER_SENT and not _seen(order)}
    found = (
        order.intent
        for key, order in _all_orders(decision.state).items()
        if (key in suspected - known and order.code != NEVER_SENT) or (key in denied and _seen(order))
    )
    return (*found, *sent)


def _seen(order: OrderState) -> bool:
    return bool(order.venue_order_id or order.reported or order.booked)


def _changed_orders(before: SessionState, after: SessionState, at: datetime) -> tuple[OrderRecord, ...]:
    """Orders that the venue has told something new about."""
    known = _all_orders(before)
    return tuple(
        order_record(order, at)
        for key, order in _all_orders(after).items()
        if key in known and order is not known[key] and order != known[key]
    )


def order_record(order: OrderState, at: datetime) -> OrderRecord:
    """An order as the ledger keeps it, at the time of its newest report."""
    return OrderRecord(
        client_order_id=order.intent.client_order_id,
        venue_order_id=order.venue_order_id,
        status=order.status.value,
        filled=order.booked,
        average_price=order.average_price,
        detail=(order.detail or order.code)[:255],
        reported_at=at,
    )


def _new_fills(before: SessionState, after: SessionState, event: Event) -> tuple[Fill, ...]:
    if not isinstance(event, FillSeen):
        return ()
    booked = sum(len(leg.fill_ids) for leg in after.legs) > sum(len(leg.fill_ids) for leg in before.legs)
    return (event.fill,) if booked else ()
