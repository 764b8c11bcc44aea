"""Positions that no session owns: have the account read, and ignore, flatten or adopt what is foreign.

Reading, flattening and adopting are commands: the engine reads the account anew before it acts, so what an operator saw
on a page only bounds what is done.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.services import record_event
from deltastrangle.exceptions import ApplicationError, Conflict
from trading.models import CommandAction, CommandStatus, EngineCommand, IgnoredPosition, Mode
from trading.nudge import nudge
from trading.selectors.positions import PositionView, account_mode, account_view
from trading.selectors.runtime import running_session, venue_now
from trading.services.guards import check_reason, invalid, require_operator
from trading.strategy.schedule import trading_day

IGNORE_DAYS: Final = 366


class NothingForeign(Conflict):
    """The account's last reading shows no such foreign position."""

    code = "nothing_foreign"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what. ``actor`` None with the source ``command`` is the operator at the machine itself."""

    actor: User | None
    action: str
    mode: str
    symbol: str = ""
    reason: str = ""
    source: str = "web"
    request: HttpRequest | None = None


@dataclass(frozen=True, slots=True)
class PositionAnswer:
    """What was begun; ``command_id`` is the row in which the engine answers, None when no engine is needed."""

    message: str
    command_id: int | None = None


def read_account(
    *, actor: User | None, mode: str = "", source: str = "web", request: HttpRequest | None = None
) -> PositionAnswer:
    """Have the engine read the account now. Raises ``PermissionRefused`` and ``InvalidInput`` (field ``mode``)."""
    asked = Asked(actor, "read", mode or account_mode(), source=source, request=request)
    return _audited(asked, lambda: _command(asked, CommandAction.READ_ACCOUNT, 0, "The account is being read"))


def ignore_position(
    *,
    actor: User | None,
    symbol: str,
    until: date,
    mode: str = "",
    reason: str = "",
    source: str = "web",
    request: HttpRequest | None = None,
) -> PositionAnswer:
    """Leave a foreign position alone, and show no warning of it, up to and with the IST day ``until``, as long as it
    has the size it has now. Raises ``PermissionRefused``, ``NothingForeign`` and ``InvalidInput`` (``mode``, ``until``,
    ``reason``).
    """
    asked = Asked(actor, "ignore", mode or account_mode(), symbol, reason, source, request)
    return _audited(asked, lambda: _ignore(asked, until), until=until.isoformat())


def flatten_position(
    *,
    actor: User | None,
    symbol: str,
    confirm: str,
    mode: str = "",
    reason: str = "",
    source: str = "web",
    request: HttpRequest | None = None,
) -> PositionAnswer:
    """Have the engine close exactly the foreign contracts of an option. ``confirm`` must be the symbol, typed.

    Raises ``PermissionRefused``, ``NothingForeign``, ``Conflict`` (no order that only reduces can close it) and
    ``InvalidInput`` (``confirm``, ``mode``, ``reason``).
    """
    asked = Asked(actor, "flatten", mode or account_mode(), symbol, reason, source, request)
    return _audited(asked, lambda: _flatten(asked, confirm))


def adopt_position(
    *,
    actor: User | None,
    symbol: str,
    size: int | None = None,
    mode: str = "",
    reason: str = "",
    source: str = "web",
    request: HttpRequest | None = None,
) -> PositionAnswer:
    """Have the running session take ``size`` contracts (all, if not given) of a foreign short position over.

    Raises ``PermissionRefused``, ``NothingForeign``, ``Conflict`` (no session in that mode that could) and
    ``InvalidInput`` (``size``, ``mode``, ``reason``).
    """
    asked = Asked(actor, "adopt", mode or account_mode(), symbol, reason, source, request)
    return _audited(asked, lambda: _adopt(asked, size), size=size)


def _audited(asked: Asked, work: Callable[[], PositionAnswer], **detail: object) -> PositionAnswer:
    """Check, do, and write down who asked and how it ended."""
    said = {"mode": asked.mode, "reason": asked.reason, **detail}

    def tell(outcome: str, **more: object) -> None:
        record_event(
            actor=asked.actor,
            action=f"positions.{asked.action}",
            outcome=outcome,
            target=asked.symbol or asked.mode,
            request=asked.request,
            source=asked.source,
            detail={name: value for name, value in {**said, **more}.items() if value not in (None, "")},
        )

    try:
        require_operator(actor=asked.actor, source=asked.source)
        if asked.mode not in Mode.values:
            raise invalid("mode", f"mode must be one of {', '.join(Mode.values)}")
        check_reason(asked.reason)
        answer = work()
    except ApplicationError as error:
        tell("refused", refusal=error.detail, code=error.code)
        raise
    tell("ok", command_id=answer.command_id)
    return answer


def _foreign(asked: Asked) -> PositionView:
    """The foreign position, as last read."""
    account = account_view(asked.mode)
    if account.error or account.read_at is None:
        raise NothingForeign(f"The {asked.mode} account could not be read: what it holds is unknown. Read it first.")
    position = account.position(asked.symbol)
    if position is None or not position.foreign:
        raise NothingForeign(f"Nothing of {asked.symbol or 'no symbol'} is foreign in the {asked.mode} account.")
    return position


def _ignore(asked: Asked, until: date) -> PositionAnswer:
    today = trading_day(venue_now())
    if not today <= until <= today + timedelta(days=IGNORE_DAYS):
        raise invalid("until", f"until must be a day from {today} on, at most a year ahead")
    position = _foreign(asked)
    values = {"size": position.foreign, "until": until, "reason": asked.reason, "ignored_by": asked.actor}
    with transaction.atomic():
        IgnoredPosition.objects.update_or_create(mode=asked.mode, symbol=asked.symbol, defaults=values)
    return PositionAnswer(f"{position.foreign:+d} of {asked.symbol} are ignored until {until:%d %B %Y}")


def _flatten(asked: Asked, confirm: str) -> PositionAnswer:
    position = _foreign(asked)
    if confirm.strip() != asked.symbol:
        raise invalid("confirm", f"Type {asked.symbol} to confirm that its foreign contracts are to be closed.")
    if not position.can_flatten and not position.pending:
        raise Conflict("It lies against the session's own position: no order that only reduces can close it.")
    return _command(
        asked, CommandAction.FLATTEN, position.foreign, f"{abs(position.foreign)} of {asked.symbol} are being closed"
    )


def _adopt(asked: Asked, size: int | None) -> PositionAnswer:
    position = _foreign(asked)
    session = running_session()
    if session is None or session.mode != asked.mode:
        raise Conflict(f"No session runs in mode {asked.mode}; only a live session can take a position over.")
    if not position.can_adopt and not position.pending:
        raise Conflict(
            "Only a short position in one of the two legs of a live session, with an entry price, can be adopted."
        )
    size = -position.foreign if size is None else size
    if not 0 < size <= -position.foreign:
        raise invalid("size", f"size must be between 1 and {-position.foreign}")
    return _command(asked, CommandAction.ADOPT, -size, f"The session is taking {size} of {asked.symbol} over")


def _command(asked: Asked, action: CommandAction, size: int, message: str) -> PositionAnswer:
    """Write the command; the one that already waits for the same, so that pressing twice commands once."""
    with transaction.atomic():
        waiting = EngineCommand.objects.filter(
            action=action, status=CommandStatus.PENDING, payload__mode=asked.mode, payload__symbol=asked.symbol
        )
        command = waiting.order_by("id").first()
        if command is None:
            command = EngineCommand.objects.create(
                action=action,
                session=running_session() if action == CommandAction.ADOPT else None,
                actor=asked.actor,
                actor_email=asked.actor.email if asked.actor else "",
                source=asked.source,
                reason=asked.reason,
                payload={"mode": asked.mode, "symbol": asked.symbol, "size": size, "key": _key()},
            )
        elif command.payload.get("size") != size:
            raise Conflict(f"A {action} of {asked.symbol} with another size waits for the engine.")
        transaction.on_commit(nudge)
    return PositionAnswer(message, command.pk)


def _key() -> str:
    """Unique beyond this database: client order ids are made of it, and the venue remembers those of the one before."""
    return f"{timezone.now():%y%m%d%H%M%S}{secrets.token_hex(4)}"
