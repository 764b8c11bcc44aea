"""The look at the worker from outside: an alert when its heartbeat stops while it should be there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from trading.models import Alert, EngineLease, RuntimeSnapshot, Severity, StrategySession
from trading.notify import raise_alert, resolve_alert
from trading.selectors.runtime import running_session, snapshot_row

KEY: Final = "worker_down"


@dataclass(frozen=True, slots=True)
class WorkerCheck:
    """Whether the worker is missing, and a sentence that says what is known."""

    down: bool
    message: str


def check_worker() -> WorkerCheck:
    """Look at the heartbeat (wall time): raise *worker down* once per outage, close it when the worker is back.

    It is missed while a session is open, and when it was running and did not end by itself. Without either there is
    nothing to miss.
    """
    snapshot, session = snapshot_row(), running_session()
    heard = snapshot.updated_at if snapshot else None
    since = _silent_since(heard, session)
    silent = (timezone.now() - since).total_seconds() if since else 0.0
    if since is None or silent < settings.ALERT_WORKER_SILENT_SECONDS:
        if heard is not None and heard == since:
            _back()
        return WorkerCheck(False, f"The worker was heard of {silent:.1f} s ago." if since else "No worker has run yet.")
    if session is None and not _broke_off(snapshot):
        return WorkerCheck(False, f"The worker ended by itself {silent:.0f} s ago; no session is open.")
    message = f"The worker has been silent for {silent:.0f} s" + (
        f": nobody guards {session.strategy_id}." if session else "; no session is open."
    )
    _raise(message, session, since)
    return WorkerCheck(True, message)


def _silent_since(heard: datetime | None, session: StrategySession | None) -> datetime | None:
    """Since when somebody should have been heard: a session that was just opened gives a worker time to start."""
    opened = session.created_at if session else None
    return max((at for at in (heard, opened) if at is not None), default=None)


def _broke_off(snapshot: RuntimeSnapshot | None) -> bool:
    """Whether the worker that spoke last still has a lease to its name: one that ends by itself gives it up."""
    return snapshot is not None and EngineLease.objects.filter(owner=snapshot.owner, expires_at__isnull=False).exists()


def _raise(message: str, session: StrategySession | None, since: datetime) -> None:
    if Alert.objects.filter(kind=KEY, created_at__gte=since).exists():
        return
    severity = Severity.CRITICAL if session else Severity.WARNING
    advice = "Start the worker; it resumes by itself. manage.py panic flattens without it."
    raise_alert(
        kind=KEY,
        severity=severity,
        title="The worker is down",
        message=f"{message} {advice}",
        key=KEY,
        session_id=session.pk if session else None,
    )


def _back() -> None:
    with transaction.atomic():
        if resolve_alert(KEY):
            raise_alert(kind="worker_back", severity=Severity.INFO, title="The worker is back", key="worker_back")
