"""What the commands that steer the engine share: asking, waiting for its word, and saying how it went.

Exit codes: 0 done, 1 refused or failed, 2 bad usage, 3 no engine answered in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from deltastrangle.exceptions import ApplicationError
from trading.management.tables import dollars, result_rows, session_rows, table
from trading.models import CommandStatus, EngineCommand, SessionStatus, StrategySession
from trading.selectors.runtime import current_runtime, engine_alive
from trading.selectors.sessions import session_detail
from trading.services.control import ControlResult, request_control
from trading.services.guards import LOCAL

REFUSED: Final = 1
NO_ENGINE: Final = 3
POLL_SECONDS: Final = 0.25
PROGRESS_SECONDS: Final = 3.0
ACKNOWLEDGE_SECONDS: Final = 15.0
DEAD_ENGINE: Final = "An engine is started with: manage.py serve, or manage.py runworker strangle-engine"


class EngineCommandBase(BaseCommand):
    """A command to the engine from the machine it runs on. ``sleep`` and ``monotonic`` are the wall's unless given."""

    # A panic must not be held up by a failing system check or by another's migration.
    requires_system_checks = ()

    def __init__(
        self,
        *args: Any,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sleep = sleep
        self.monotonic = monotonic

    def add_timeout(self, parser: CommandParser, seconds: float) -> None:
        """The option that bounds every wait."""
        parser.add_argument(
            "--timeout", type=seconds_of, default=seconds, help="Seconds to wait in all (default %(default)s)."
        )

    def ask(self, action: str, **given: Any) -> ControlResult:
        """Ask the engine, print the answer. Exits 1 when refused."""
        try:
            result = request_control(actor=None, source=LOCAL, action=action, **given)
        except ApplicationError as error:
            raise refused(error) from error
        self.stdout.write(table(result_rows(result)))
        return result

    def await_acknowledgement(self, result: ControlResult, deadline: float) -> EngineCommand | None:
        """Wait until the engine has settled the command. Exits 1 when it failed, 3 when nobody answered.

        A living engine may take until the deadline (a restart closes the old session first); a dead one gets less.
        """
        if result.command_id is None:
            return None
        command_id, asked_at = result.command_id, self.monotonic()

        def answered() -> EngineCommand | bool:
            hopeless = self.monotonic() - asked_at >= ACKNOWLEDGE_SECONDS and not engine_alive()
            return _settled(command_id) or hopeless

        command = self.poll(answered, deadline)
        if not isinstance(command, EngineCommand):
            waited = self.monotonic() - asked_at
            message = f"The engine did not acknowledge within {waited:.0f} s; the command waits for it. {DEAD_ENGINE}"
            raise CommandError(message, returncode=NO_ENGINE)
        if command.status == CommandStatus.FAILED:
            said = command.result.get("message") or command.result.get("error") or "The engine could not do it."
            raise CommandError(f"Failed: {said}", returncode=REFUSED)
        self.stdout.write(f"The engine acknowledged: {command.result.get('message') or 'done'}")
        return command

    def await_close(self, session_id: int, deadline: float, watch: Callable[[], None] | None = None) -> None:
        """Wait until the session is over, telling how it goes; then print the outcome. Exits 3 when it takes long."""
        told_at = self.monotonic()

        def closed() -> bool:
            nonlocal told_at
            if StrategySession.objects.filter(pk=session_id, status=SessionStatus.STOPPED).exists():
                return True
            if watch is not None:
                watch()
            if self.monotonic() - told_at >= PROGRESS_SECONDS:
                told_at = self.monotonic()
                self.stdout.write(progress_line())
                self.stdout.flush()
            return False

        if self.poll(closed, deadline) is None:
            raise CommandError("The session is still open; it goes on without this command.", returncode=NO_ENGINE)
        self.stdout.write(table(session_rows(session_detail(session_id))))

    def poll(self, look: Callable[[], Any], deadline: float) -> Any:
        """What ``look`` returns as soon as it is true; None when the deadline passes first. Looks at least once."""
        while True:
            seen = look()
            if seen:
                return seen
            if self.monotonic() >= deadline:
                return None
            self.sleep(POLL_SECONDS)


def seconds_of(text: str) -> float:
    """A waiting time from the command line: more than 0, at most a day."""
    seconds = float(text)
    if not 0 < seconds <= 86_400:
        raise ValueError(text)
    return seconds


def refused(error: ApplicationError) -> CommandError:
    """The command's end when a service refused."""
    return CommandError(error.detail, returncode=REFUSED)


def progress_line() -> str:
    """One line on the session at hand."""
    runtime = current_runtime()
    totals = runtime["totals"]
    line = f"{runtime['phase']:<10} net {dollars(totals['total_pnl'])} ({totals['total_pnl_pct'] or 0:+.1f} %)"
    worker = runtime["worker"]
    if not worker["alive"]:
        age = worker["heartbeat_age_seconds"]
        line += "  engine silent" + (f" for {age:.0f} s" if age is not None else "")
    return line


def _settled(command_id: int) -> EngineCommand | None:
    return EngineCommand.objects.filter(pk=command_id).exclude(status=CommandStatus.PENDING).first()
