"""Putting away sessions that never came to anything."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.services import record_event
from deltastrangle.exceptions import ApplicationError, Conflict
from trading.models import (
    CommandStatus,
    EngineCommand,
    EngineLease,
    SessionStatus,
    StrategySession,
)
from trading.selectors.runtime import engine_alive, running_session
from trading.services.guards import require_operator
from trading.strategy.types import ExitReason, Phase

CLEANED_UP = "The session was cleaned up before the engine took it on."


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """How many sessions were put away, and a sentence for people."""

    stopped_sessions: int
    message: str


def cleanup_sessions(*, actor: User | None, source: str = "web", request: HttpRequest | None = None) -> CleanupResult:
    """Put away an open session that no engine guards and that never sent an order: ``stopped``, ``no_entry``.

    A session with a live engine is left alone (the message says so). Raises ``Conflict`` for one that has orders or
    legs: only an engine can tell what became of those. Raises ``PermissionRefused``. Every call is audited.
    """
    try:
        require_operator(actor=actor, source=source)
        with transaction.atomic():
            result = _cleanup()
    except ApplicationError as error:
        _audit(actor, "refused", source, request, {"reason": error.detail})
        raise
    _audit(actor, "ok", source, request, {"stopped_sessions": result.stopped_sessions, "message": result.message})
    return result


def _cleanup() -> CleanupResult:
    # The lock keeps an engine from claiming the lease between the look and the write.
    list(EngineLease.objects.select_for_update())
    session = running_session(lock=True)
    if session is None:
        return CleanupResult(0, "No running sessions found")
    if engine_alive():
        return CleanupResult(0, "The running session is guarded by the engine; use stop.")
    if session.orders.exists() or session.positions.filter(open_quantity__gt=0).exists():
        raise Conflict(
            f"{session.strategy_id} has sent orders and no engine is running. "
            "Start the worker: it resumes guarding the session.",
            strategy_id=session.strategy_id,
            session_id=session.pk,
        )
    _put_away(session)
    return CleanupResult(1, "Stopped 1 running session(s)")


def _put_away(session: StrategySession) -> None:
    now = timezone.now()
    session.status = SessionStatus.STOPPED
    session.phase = Phase.CLOSED.value
    session.exit_reason = ExitReason.NO_ENTRY.value
    session.deactivated_at = now
    session.save(update_fields=["status", "phase", "exit_reason", "deactivated_at"])
    waiting = EngineCommand.objects.filter(session=session, status=CommandStatus.PENDING)
    waiting.update(status=CommandStatus.FAILED, result={"message": CLEANED_UP}, settled_at=now)


def _audit(
    actor: User | None, outcome: str, source: str, request: HttpRequest | None, detail: dict[str, object]
) -> None:
    record_event(actor=actor, action="control.cleanup", outcome=outcome, request=request, source=source, detail=detail)
