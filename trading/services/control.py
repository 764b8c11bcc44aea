"""Commanding the engine: start, stop, restart and panic; and, from here too, the trading mode and the clean-up.

The engine is another process. What is asked of it is an ``EngineCommand`` row, written together with what it refers to
in one short transaction; a nudge on commit only saves the engine the wait until its next look.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.services import record_event
from deltastrangle.exceptions import ApplicationError, Conflict
from trading.models import (
    CommandAction,
    CommandStatus,
    EngineCommand,
    StrategySession,
    TradingConfiguration,
)
from trading.nudge import nudge
from trading.opening import AlreadyRunning, open_session
from trading.selectors.runtime import running_session
from trading.services.guards import REASON_LENGTH, check_reason, invalid, require_operator
from trading.services.sessions import cleanup_sessions
from trading.services.starting import chosen_configuration, require_startable
from trading.services.trading_mode import halt, set_trading_mode

__all__ = ["ControlResult", "cleanup_sessions", "request_control", "set_trading_mode"]

log = logging.getLogger(__name__)

ACTIONS: Final = ("start", "stop", "restart", "panic")
KEY_LENGTH: Final = 80

ANSWERS: Final = {
    "start": ("starting", "Strategy start initiated"),
    "stop": ("stopping", "Stop signal dispatched"),
    "restart": ("restarting", "Strategy restart initiated"),
    "panic": ("panic", "Panic close triggered and strategy halted"),
}
NOTHING_TO_DO: Final = {"stop": "No active strategy to stop", "panic": "No active strategy to panic close"}


class CommandPending(Conflict):
    """The engine has not yet carried out an earlier command of the same kind that asked for something else."""

    code = "command_pending"


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """What somebody asks. ``actor`` None with the source ``command`` is the operator at the machine itself."""

    actor: User | None
    action: str
    configuration_id: int | None = None
    configuration_name: str | None = None
    now: bool = False
    reason: str = ""
    leave_open: bool = False
    idempotency_key: str = ""
    source: str = "web"


@dataclass(frozen=True, slots=True)
class ControlResult:
    """The answer in the reference's words. ``command_id`` is the row in which the engine will acknowledge."""

    status: str
    message: str
    strategy_id: str | None = None
    session_id: int | None = None
    command_id: int | None = None
    stopped_sessions: int | None = None
    imported_positions: int | None = None


def request_control(
    *,
    actor: User | None,
    action: str,
    configuration_id: int | None = None,
    configuration_name: str | None = None,
    now: bool = False,
    reason: str = "",
    leave_open: bool = False,
    idempotency_key: str = "",
    source: str = "web",
    request: HttpRequest | None = None,
) -> ControlResult:
    """Ask the engine to ``start``, ``stop``, ``restart`` or ``panic``; it acknowledges later, in the command's row.

    ``now`` enters at once instead of at the configured time; ``leave_open`` hands the position over instead of closing
    it. The same ``idempotency_key`` gets the same answer and makes no second command. A panic halts the platform before
    anything else, and is refused to those alone who may not: its reason is cut to fit, and its key counts only while
    that panic is in force. Raises ``PermissionRefused``, ``InvalidInput`` (action, mode, expired date), ``NotFound``
    (configuration), ``AlreadyRunning``, ``EntriesLocked`` and ``CommandPending``. Every call is audited.
    """
    asked = ControlRequest(
        actor, action, configuration_id, configuration_name, now, reason, leave_open, idempotency_key, source
    )
    if action == "panic":
        asked = _fitting(asked)
    try:
        result = _carry_out(asked)
    except ApplicationError as error:
        _audit(asked, "refused", request, refusal=error.detail, code=error.code)
        raise
    _audit(asked, "ok", request, **asdict(result))
    return result


def _carry_out(asked: ControlRequest) -> ControlResult:
    require_operator(actor=asked.actor, source=asked.source)
    if asked.action == "panic":
        return _panic(asked)
    _check(asked)
    earlier = _replay(asked)
    if earlier is not None:
        return earlier
    try:
        with transaction.atomic():
            return _answer(_issue(asked), asked)
    except (IntegrityError, AlreadyRunning):
        # The twin of this request, with the same key, may have won the race.
        earlier = _replay(asked)
        if earlier is None:
            raise
        return earlier


def _fitting(asked: ControlRequest) -> ControlRequest:
    """A panic, with what came along made to fit: it is refused for none of that."""
    reason = asked.reason.replace("\x00", "")[:REASON_LENGTH]
    key = asked.idempotency_key if len(asked.idempotency_key) <= KEY_LENGTH else ""
    return replace(asked, reason=reason, idempotency_key=key, now=False, leave_open=False)


def _panic(asked: ControlRequest) -> ControlResult:
    """Halt, then have what runs closed. A key that answers for anything else does not keep that from happening."""
    began = timezone.now()
    halted_before = halt(actor=asked.actor, reason=asked.reason)
    if _keyed(asked).exists():
        earlier = _standing_panic(asked)
        # One that was stored meanwhile is our twin, whichever of the two halted first.
        if earlier is not None and (halted_before or earlier.created_at >= began):
            return _answer(earlier, asked)
        asked = replace(asked, idempotency_key="")
    try:
        with transaction.atomic():
            return _answer(_issue(asked), asked)
    except IntegrityError:
        twin = _standing_panic(asked)
        if twin is None:
            raise
        return _answer(twin, asked)


def _standing_panic(asked: ControlRequest) -> EngineCommand | None:
    """The panic of this key, unless another session has been started since."""
    command = _keyed(asked).filter(action="panic").select_related("session").first()
    running = running_session()
    return command if running is None or (command and command.session_id == running.pk) else None


def _keyed(asked: ControlRequest) -> QuerySet[EngineCommand]:
    return EngineCommand.objects.exclude(idempotency_key="").filter(idempotency_key=asked.idempotency_key)


def _check(asked: ControlRequest) -> None:
    if asked.action not in ACTIONS:
        raise invalid("action", f"action must be one of {', '.join(ACTIONS)}")
    if len(asked.idempotency_key) > KEY_LENGTH:
        raise invalid("idempotency_key", f"Idempotency-Key must have at most {KEY_LENGTH} characters")
    check_reason(asked.reason)


def _replay(asked: ControlRequest) -> ControlResult | None:
    command = _keyed(asked).select_related("session", "configuration").first()
    if command is None:
        return None
    # A restart with nothing running is stored as the start it became.
    if command.action != asked.action and (asked.action, command.action) != ("restart", "start"):
        raise Conflict(f"This Idempotency-Key was used for '{command.action}'.")
    if not _is_same(command, asked):
        raise Conflict(f"This Idempotency-Key was used for a {command.action} with other settings.")
    return _answer(command, asked)


def _is_same(command: EngineCommand, asked: ControlRequest) -> bool:
    """Whether a command is what is asked again. Stop and panic mean what runs, whatever configuration is named."""
    if (command.enter_now, command.leave_open) != (asked.now, asked.leave_open):
        return False
    if asked.action not in ("start", "restart") or command.configuration is None:
        return True
    chosen = command.configuration
    named = (asked.configuration_id or chosen.pk, asked.configuration_name or chosen.name)
    return named == (chosen.pk, chosen.name)


def _issue(asked: ControlRequest) -> EngineCommand | None:
    """Write the command; None when there is nothing to command and no key to remember the answer by."""
    session = running_session(lock=True)
    if asked.action == "start" or (asked.action == "restart" and session is None):
        return _start(asked, session)
    if session is None:
        return _write(asked, None, status=CommandStatus.DONE) if asked.idempotency_key else None
    if asked.action == "restart":
        return _restart(asked, session)
    return _pending(asked, session, None) or _write(asked, session)


def _start(asked: ControlRequest, running: StrategySession | None) -> EngineCommand:
    configuration = chosen_configuration(asked.configuration_id, asked.configuration_name)
    if running is not None:
        raise AlreadyRunning(running)
    require_startable(configuration)
    session = open_session(configuration=configuration, started_by=asked.actor, enter_now=asked.now)
    return _write(replace(asked, action="start"), session, configuration)


def _restart(asked: ControlRequest, session: StrategySession) -> EngineCommand:
    named = asked.configuration_id is not None or bool(asked.configuration_name)
    identity = asked.configuration_id if named else session.configuration_id
    configuration = chosen_configuration(identity, asked.configuration_name)
    require_startable(configuration)
    return _pending(asked, session, configuration) or _write(asked, session, configuration)


def _pending(
    asked: ControlRequest, session: StrategySession, configuration: TradingConfiguration | None
) -> EngineCommand | None:
    """The command that already asks for this, so that pressing twice commands once."""
    waiting = EngineCommand.objects.filter(session=session, action=asked.action, status=CommandStatus.PENDING)
    command = waiting.select_related("session").order_by("id").first()
    if command is None:
        return None
    settings = (asked.leave_open, asked.now, configuration.pk if configuration else None)
    if (command.leave_open, command.enter_now, command.configuration_id) != settings:
        raise CommandPending(f"A {asked.action} with other settings is waiting for the engine.", command_id=command.pk)
    return command


def _write(
    asked: ControlRequest,
    session: StrategySession | None,
    configuration: TradingConfiguration | None = None,
    status: CommandStatus = CommandStatus.PENDING,
) -> EngineCommand:
    command = EngineCommand.objects.create(
        action=CommandAction(asked.action),
        session=session,
        actor=asked.actor,
        actor_email=asked.actor.email if asked.actor else "",
        source=asked.source,
        reason=asked.reason,
        leave_open=asked.leave_open,
        enter_now=asked.now,
        configuration=configuration,
        idempotency_key=asked.idempotency_key,
        status=status,
    )
    transaction.on_commit(nudge)
    transaction.on_commit(partial(_say_so, command))
    return command


def _say_so(command: EngineCommand) -> None:
    told = {"command_id": command.pk, "source": command.source, "actor": command.actor_email}
    if command.session is not None:
        told |= {"strategy_id": command.session.strategy_id, "session_id": command.session.pk}
    log.info("Asked to %s", command.action, extra={"event": f"strategy_{command.action}", **told})


def _answer(command: EngineCommand | None, asked: ControlRequest) -> ControlResult:
    """The answer follows from the row alone, so that a repeated key gets it again."""
    action = command.action if command else asked.action
    session = command.session if command else None
    command_id = command.pk if command else None
    if session is None:
        return ControlResult("stopped", NOTHING_TO_DO[action], command_id=command_id, stopped_sessions=0)
    status, message = ANSWERS[action]
    return ControlResult(
        status,
        message,
        strategy_id=session.strategy_id,
        session_id=session.pk,
        command_id=command_id,
        stopped_sessions=1 if action == "stop" else None,
        imported_positions=0 if action == "start" else None,
    )


def _audit(asked: ControlRequest, outcome: str, request: HttpRequest | None, **detail: object) -> None:
    given = asdict(replace(asked, actor=None))
    said = {name: value for name, value in {**given, **detail}.items() if value not in (None, "", False)}
    record_event(
        actor=asked.actor,
        action=f"control.{asked.action}",
        outcome=outcome,
        target=str(detail.get("strategy_id") or asked.configuration_name or asked.configuration_id or ""),
        request=request,
        source=asked.source,
        detail=said,
    )
