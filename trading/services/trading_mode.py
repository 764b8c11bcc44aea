"""The platform's trading mode: the one choke point before every send."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from accounts.services import record_event
from deltastrangle.exceptions import ApplicationError
from trading.models import TradingMode, TradingModeChoice
from trading.notify import raise_alert, resolve_alert
from trading.nudge import nudge
from trading.services.guards import REASON_LENGTH, check_reason, invalid, require_operator

RESUME: Final = "RESUME"
"""The word that must be typed to leave the halted mode."""
PANIC: Final = "panic"
"""Key of the alert that stays open while a panic is in force."""


def set_trading_mode(
    *,
    actor: User | None,
    mode: str,
    reason: str = "",
    confirm: str = "",
    source: str = "web",
    request: HttpRequest | None = None,
) -> TradingMode:
    """Set the platform's trading mode. Leaving ``halted`` needs ``confirm`` to be ``RESUME``.

    Raises ``PermissionRefused`` and ``InvalidInput`` (fields ``mode``, ``reason``, ``confirm``). Every call is audited.
    """
    detail: dict[str, object] = {"mode": mode, "reason": reason}
    try:
        require_operator(actor=actor, source=source)
        with transaction.atomic():
            row, detail["before"] = _switch_mode(actor, mode, reason, confirm)
    except ApplicationError as error:
        record_event(
            actor=actor,
            action="control.mode",
            outcome="refused",
            target=mode,
            request=request,
            source=source,
            detail={**detail, "refusal": error.detail},
        )
        raise
    record_event(
        actor=actor, action="control.mode", outcome="ok", target=mode, request=request, source=source, detail=detail
    )
    return row


def halt(*, actor: User | None, reason: str) -> bool:
    """Latch the platform in a transaction of its own: nothing that follows may undo it. Whether it was halted before.
    Checks no permission.
    """
    why = f"Panic: {reason}"[:REASON_LENGTH] if reason else "Panic"
    with transaction.atomic():
        row = _mode_row()
        before = row.mode
        _store_mode(row, actor, TradingModeChoice.HALTED, why)
        who = f" by {actor.email}" if actor else ""
        message = f"{why}{who}. Everything is being closed; nothing starts until RESUME is typed."
        raise_alert(kind="panic", severity="critical", title="Panic: trading is halted", message=message, key=PANIC)
    return before == TradingModeChoice.HALTED


def _switch_mode(actor: User | None, mode: str, reason: str, confirm: str) -> tuple[TradingMode, str]:
    if mode not in TradingModeChoice.values:
        raise invalid("mode", f"mode must be one of {', '.join(TradingModeChoice.values)}")
    check_reason(reason)
    row = _mode_row()
    before = row.mode
    if before == TradingModeChoice.HALTED and mode != before and confirm != RESUME:
        raise invalid("confirm", f"Trading is halted. Type {RESUME} to confirm that it may go on.")
    _store_mode(row, actor, TradingModeChoice(mode), reason)
    if mode != TradingModeChoice.HALTED:
        resolve_alert(PANIC)
    return row, before


def _mode_row() -> TradingMode:
    row, _ = TradingMode.objects.select_for_update().get_or_create(name="platform")
    return row


def _store_mode(row: TradingMode, actor: User | None, mode: TradingModeChoice, reason: str) -> None:
    row.mode, row.reason, row.changed_by = mode, reason, actor
    row.save()
    transaction.on_commit(nudge)
