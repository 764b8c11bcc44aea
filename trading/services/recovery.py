"""Bringing sessions back into an empty ledger from what the venue remembers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from accounts.models import User
from accounts.services import record_event
from deltastrangle.exceptions import ApplicationError, Conflict
from trading import lease
from trading.engine.ports import SessionWrite
from trading.engine.rebuild import Trail
from trading.engine.records import order_record, session_record
from trading.ledger_writes import write_session
from trading.models import OrderLedger, SessionStatus, StrategySession, TradingConfiguration
from trading.opening import AlreadyRunning
from trading.selectors.runtime import running_session
from trading.services.guards import invalid, require_operator
from trading.strategy.events import Journal
from trading.strategy.state import SessionState
from trading.strategy.types import Phase


class AlreadyKnown(Conflict):
    """The ledger already has what the venue shows: there is nothing to bring back, or not all of it was lost."""

    code = "already_known"


@dataclass(frozen=True, slots=True)
class Restored:
    """A session with the trail it was rebuilt from."""

    trail: Trail
    state: SessionState


def check_restorable(trails: Iterable[Trail]) -> None:
    """Raise ``AlreadyRunning`` with a session open, ``AlreadyKnown`` when the ledger has one of the ids."""
    running = running_session()
    if running is not None:
        raise AlreadyRunning(running)
    found = list(trails)
    sessions = {trail.strategy_id for trail in found}
    orders = [order.client_order_id for trail in found for order in trail.orders]
    rows = StrategySession.objects.filter(strategy_id__in=sessions).values_list("strategy_id", flat=True)
    sent = OrderLedger.objects.filter(client_order_id__in=orders).values_list("client_order_id", flat=True)
    known = rows.first() or sent.first()
    if known:
        raise AlreadyKnown(f"The ledger already knows {known}; only a ledger that lost them can be brought back.")


def restore_sessions(
    *,
    actor: User | None,
    configuration: TradingConfiguration,
    mode: str,
    sessions: Sequence[Restored],
    token: int,
    at: datetime,
    source: str = "command",
) -> list[StrategySession]:
    """Write rebuilt sessions, oldest first, in one transaction, under the lease of ``token``. They keep their ids, so
    that no later session can be given one the venue has seen. ``at`` is venue time.

    Raises ``PermissionRefused``, ``InvalidInput`` (field ``configuration``), ``AlreadyRunning``, ``AlreadyKnown`` and
    ``Conflict`` when the lease was lost. Audited.
    """
    ids = [one.state.strategy_id for one in sessions]
    detail: dict[str, object] = {"mode": mode, "sessions": ids}
    try:
        require_operator(actor=actor, source=source)
        if configuration.mode != mode:
            raise invalid("configuration", f"'{configuration.name}' trades in mode {configuration.mode}, not {mode}")
        with transaction.atomic():
            if not lease.is_ours(token):
                raise Conflict("The engine lease was lost: a worker is running. Stop it and begin again.")
            check_restorable(one.trail for one in sessions)
            written = [_write(configuration, mode, one, token, at) for one in sessions]
    except ApplicationError as error:
        record_event(
            actor=actor,
            action="recovery.restore",
            outcome="refused",
            target=configuration.name,
            source=source,
            detail={**detail, "refusal": error.detail},
        )
        raise
    record_event(
        actor=actor, action="recovery.restore", outcome="ok", target=configuration.name, source=source, detail=detail
    )
    return written


def _write(
    configuration: TradingConfiguration, mode: str, restored: Restored, token: int, at: datetime
) -> StrategySession:
    revision = configuration.revisions.order_by("-number").first()
    if revision is None:
        raise Conflict(f"Configuration '{configuration.name}' has no saved revision; save it once more.")
    state = restored.state
    session = StrategySession.objects.create(
        strategy_id=state.strategy_id,
        status=SessionStatus.RUNNING if state.open else SessionStatus.STOPPED,
        phase=state.phase.value,
        mode=mode,
        configuration=configuration,
        revision=revision,
        config_snapshot=revision.values,
        session_metadata={"config_id": configuration.pk, "revision": revision.number, "rebuilt_at": at.isoformat()},
    )
    orders = [order for leg in state.legs for order in (*leg.done, *leg.orders)]
    write_session(
        SessionWrite(
            session_id=session.pk,
            record=session_record(state, None, at),
            intents=tuple(order.intent for order in orders),
            orders=tuple(replace(order_record(order, at), detail="rebuilt from the venue") for order in orders),
            fills=restored.trail.fills,
            journal=((at, _line(state, at)),),
            at=at,
        ),
        token,
    )
    for order in orders:
        OrderLedger.objects.filter(client_order_id=order.intent.client_order_id).update(intended_at=order.sent_at)
    session.refresh_from_db()
    return session


def _line(state: SessionState, at: datetime) -> Journal:
    """What the decision feed says of it."""
    said = {
        Phase.CLOSED: "it was over; why it closed is not known",
        Phase.LIVE: "both legs are held and guarded again",
    }
    message = f"Rebuilt from the venue's record: {said.get(state.phase, state.exit_detail or state.attention)}"
    if any(leg.held and leg.expired(at) for leg in state.legs):
        message = "Rebuilt from the venue's record: its options have expired; the venue is asked what they settled at"
    gone = sum(leg.external for leg in state.legs)
    if gone:
        message += f"; {gone} contracts are no longer shown and have no price"
    return Journal("rebuilt", message, "warning", {"held": state.held})
