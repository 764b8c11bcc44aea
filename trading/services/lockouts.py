"""Lifting a lockout before its day is over."""

from __future__ import annotations

from functools import partial
from typing import Final

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.services import record_event
from deltastrangle.exceptions import ApplicationError, Conflict
from trading.models import Lockout
from trading.notify import resolve_alert
from trading.nudge import nudge
from trading.selectors.lockouts import active_lockouts, lockout_by_id
from trading.services.guards import check_reason, invalid, require_operator

ACTION: Final = "lockout.lift"
UNLOCK: Final = "UNLOCK"
"""The word that must be typed to lift a lockout."""
WAY_OUT: Final = (
    "Wait for the next IST day, or type UNLOCK on the Live Control page, or run: "
    "manage.py lift_lockout --confirm UNLOCK"
)


class LockedOut(Conflict):
    """A lockout keeps new entries of this mode away today."""

    code = "locked_out"

    def __init__(self, lockouts: list[Lockout]) -> None:
        reasons = " ".join(lockout.reason for lockout in lockouts)
        mode, day = lockouts[0].mode, lockouts[0].trading_day.isoformat()
        super().__init__(
            f"Entries in mode '{mode}' are locked on {day}: {reasons} {WAY_OUT}",
            lockouts=[lockout.pk for lockout in lockouts],
        )


def require_unlocked(mode: str) -> None:
    """Raise ``LockedOut`` while a lockout of today binds ``mode``."""
    binding = [lockout for lockout in active_lockouts() if lockout.mode == mode]
    if binding:
        raise LockedOut(binding)


def lift_lockout(
    *,
    actor: User | None,
    lockout_id: int,
    confirm: str,
    reason: str = "",
    source: str = "web",
    request: HttpRequest | None = None,
) -> Lockout:
    """Let entries through again; ``confirm`` must be ``UNLOCK``. The limit then counts anew from here. Lifting what is
    lifted changes nothing.

    Raises ``PermissionRefused``, ``NotFound`` and ``InvalidInput`` (fields ``confirm``, ``reason``). Every call is
    audited.
    """
    detail: dict[str, object] = {"reason": reason}
    audit = partial(record_event, actor=actor, action=ACTION, source=source, request=request)
    try:
        require_operator(actor=actor, source=source)
        check_reason(reason)
        if confirm != UNLOCK:
            raise invalid("confirm", f"Type {UNLOCK} to confirm that entries may go on.")
        with transaction.atomic():
            lockout = _lift(actor, lockout_id)
    except ApplicationError as error:
        audit(outcome="refused", target=str(lockout_id), detail={**detail, "refusal": error.detail})
        raise
    audit(outcome="ok", target=str(lockout), detail={**detail, "why_locked": lockout.reason})
    return lockout


def _lift(actor: User | None, lockout_id: int) -> Lockout:
    lockout = lockout_by_id(lockout_id)
    rows = Lockout.objects.filter(pk=lockout_id, lifted_at=None)
    if rows.update(lifted_at=timezone.now(), lifted_by=actor):
        resolve_alert(f"lockout:{lockout.kind}:{lockout.mode}:{lockout.trading_day.isoformat()}")
        transaction.on_commit(nudge)
    return lockout_by_id(lockout_id)
