"""Rows from the engine's records: called inside one transaction by the store, and by nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db.models import F, Q, Sum
from django.utils import timezone

from trading.engine.ports import LegRecord, OrderRecord, SessionWrite, SettlementRecord, TraceStretch
from trading.models import (
    DecisionRecord,
    DecisionTrace,
    FillLedger,
    OrderLedger,
    PositionLedger,
    SessionStatus,
    SettlementLedger,
    StrategySession,
)
from trading.strategy.events import Journal
from trading.strategy.schedule import trading_day
from trading.strategy.types import Fill, OrderIntent, Phase


def write_session(write: SessionWrite, token: int) -> tuple[tuple[datetime, Journal], ...]:
    """Put one decision on disk: session, intents, reports, fills, legs, journal; the lines that were new.

    May be called again for a write whose commit was done but whose answer was lost: everything is put down once.
    """
    at = write.at or timezone.now()
    again = _update_session(write, at)
    _add_intents(write, token, at, again=again)
    for order in write.orders:
        _update_order(order)
    for fill in write.fills:
        _add_fill(write.session_id, fill)
    for settlement in write.settlements:
        _add_settlement(write.session_id, settlement)
    for leg in write.record.legs:
        _save_leg(write.session_id, leg)
    new = _unsaid(write) if again else write.journal
    DecisionRecord.objects.bulk_create(_decision_row(write.session_id, moment, line) for moment, line in new)
    if write.traces and (new or not write.journal):
        add_traces((write.session_id, stretch) for stretch in write.traces)
    return new


def _update_session(write: SessionWrite, at: datetime) -> bool:
    """Write the row; whether it was at the write's point of the decision chain already. Then this is the same decision
    again, or one that is no link of the chain.
    """
    record = write.record
    closed = record.phase is Phase.CLOSED
    day = trading_day(record.activated_at or at)
    read = StrategySession.objects.only("session_metadata", "decision_hash", "decision_count")
    session = read.get(pk=write.session_id)
    StrategySession.objects.filter(pk=write.session_id).update(
        phase=record.phase.value,
        status=SessionStatus.STOPPED if closed else SessionStatus.RUNNING,
        activated_at=record.activated_at,
        deactivated_at=record.deactivated_at,
        trading_day=day,
        exit_reason=record.exit_reason.value if record.exit_reason else "",
        pnl_summary=dict(record.pnl_summary),
        session_metadata={**session.session_metadata, **record.metadata},
        engine_state=record.state,
        **_proof(write),
        **_decided(write),
    )
    point = (write.decision_hash, write.decision_count)
    return bool(write.decision_hash) and point == (session.decision_hash, session.decision_count)


def _unsaid(write: SessionWrite) -> tuple[tuple[datetime, Journal], ...]:
    """The lines of the journal that are not on disk yet."""
    moments = [moment for moment, _ in write.journal]
    rows = DecisionRecord.objects.filter(session_id=write.session_id, at__in=moments) if moments else None
    said = set(rows.values_list("at", "kind", "message")) if rows is not None else set()
    return tuple((at, line) for at, line in write.journal if (at, line.kind, line.message[:500]) not in said)


def _decided(write: SessionWrite) -> dict[str, object]:
    """The point of the decision chain; a write that is no decision of the strategy leaves it where it is."""
    if not write.decision_hash:
        return {}
    return {"decision_hash": write.decision_hash, "decision_count": write.decision_count}


def add_traces(traces: Iterable[tuple[int, TraceStretch]]) -> None:
    """Stretches of the decision trace, each with its session's id."""
    DecisionTrace.objects.bulk_create(
        DecisionTrace(
            session_id=session_id,
            first_at=stretch.first_at,
            last_at=stretch.last_at,
            looks=stretch.looks,
            phase=stretch.phase.value,
            nearest_rule=stretch.nearest_rule,
            nearest_progress=stretch.nearest_progress,
            results=[dict(result) for result in stretch.results],
        )
        for session_id, stretch in traces
    )


def _proof(write: SessionWrite) -> dict[str, object]:
    """The reading that showed the account flat, as the session keeps it."""
    for at, line in write.journal:
        if line.kind == "proof_of_flat":
            read = {key: _plain(value) for key, value in line.data.items()}
            return {"proof_of_flat": {"read_at": at.isoformat(), **read}}
    return {}


def _add_intents(write: SessionWrite, token: int, at: datetime, *, again: bool) -> None:
    """Rows for the intents. A write whose commit was done but whose answer was lost is written again and finds them
    there, perhaps with what became of them. IntegrityError for an id that was used for anything else.

    A lease that lapsed meanwhile has given us a new token: under an older one, a row must still be an intent or be
    this very decision's.
    """
    if not write.intents:
        return
    ids = [intent.client_order_id for intent in write.intents]
    rows = OrderLedger.objects.filter(session_id=write.session_id, client_order_id__in=ids)
    if not again:
        rows = rows.filter(Q(fencing_token=token) | Q(status="intent"))
    known = set(rows.values_list("client_order_id", "attempt", "symbol", "side", "quantity"))
    new = [i for i in write.intents if (i.client_order_id, i.attempt, i.symbol, i.side.value, i.size) not in known]
    OrderLedger.objects.bulk_create(_order_row(write.session_id, intent, token, at) for intent in new)


def _order_row(session_id: int, intent: OrderIntent, token: int, at: datetime) -> OrderLedger:
    return OrderLedger(
        session_id=session_id,
        client_order_id=intent.client_order_id,
        leg=intent.leg.value,
        purpose=intent.purpose.value,
        attempt=intent.attempt,
        symbol=intent.symbol,
        side=intent.side.value,
        order_type=intent.order_type.value,
        time_in_force=intent.time_in_force.value,
        reduce_only=intent.reduce_only,
        quantity=intent.size,
        price=intent.limit_price,
        decision_price=intent.decision_price,
        fencing_token=token,
        intended_at=at,
    )


def _update_order(order: OrderRecord) -> None:
    OrderLedger.objects.filter(client_order_id=order.client_order_id).update(
        order_id=order.venue_order_id,
        status=order.status,
        filled_quantity=order.filled,
        detail=order.detail,
        reported_at=order.reported_at,
    )


def _add_fill(session_id: int, fill: Fill) -> None:
    order = OrderLedger.objects.get(client_order_id=fill.client_order_id)
    _, created = FillLedger.objects.get_or_create(
        session_id=session_id,
        fill_id=fill.fill_id,
        defaults={
            "order": order,
            "symbol": fill.symbol,
            "side": fill.side.value,
            "quantity": fill.size,
            "price": fill.price,
            "commission": fill.commission,
            "role": fill.role,
            "filled_at": fill.at,
        },
    )
    if created:
        filled = order.fills.aggregate(size=Sum("quantity"), value=Sum(F("quantity") * F("price")))
        price = Decimal(filled["value"]) / filled["size"]
        OrderLedger.objects.filter(pk=order.pk).update(filled_quantity=filled["size"], fill_price=price)


def _add_settlement(session_id: int, settlement: SettlementRecord) -> None:
    SettlementLedger.objects.update_or_create(
        session_id=session_id,
        leg=settlement.leg,
        defaults={
            "symbol": settlement.symbol,
            "quantity": settlement.quantity,
            "price": settlement.price,
            "commission": settlement.commission,
            "settled_at": settlement.settled_at,
        },
    )


def _save_leg(session_id: int, leg: LegRecord) -> None:
    PositionLedger.objects.update_or_create(
        session_id=session_id,
        leg=leg.leg,
        defaults={
            "symbol": leg.symbol,
            "side": leg.side,
            "quantity": leg.quantity,
            "open_quantity": leg.open_quantity,
            "contract_size": leg.contract_size,
            "entry_price": _eight(leg.entry_price),
            "exit_price": _eight(leg.exit_price),
            "realized_pnl": _eight(leg.realized_pnl),
            "fees": _eight(leg.fees),
            "entry_time": leg.entry_time,
            "exit_time": leg.exit_time,
            "analytics": dict(leg.analytics),
        },
    )


def _eight(value: Decimal | None) -> Decimal | None:
    """Rounded to the ledger's eight decimals; VWAPs need it."""
    return None if value is None else value.quantize(Decimal("1e-8"))


def _decision_row(session_id: int, at: datetime, line: Journal) -> DecisionRecord:
    return DecisionRecord(
        session_id=session_id,
        at=at,
        kind=line.kind,
        level=line.level,
        message=line.message[:500],
        data={key: _plain(value) for key, value in line.data.items()},
    )


def _plain(value: object) -> object:
    """A JSON value; decimals become text so that no digit is lost."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
