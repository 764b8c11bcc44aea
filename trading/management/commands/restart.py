"""``manage.py restart``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from trading.management.base import NO_ENGINE, EngineCommandBase
from trading.models import StrategySession


class Command(EngineCommandBase):
    """Close the session and open the next one."""

    help = "Close the running session and start another one; without a session, the same as start."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to start, when, and how long to wait."""
        parser.add_argument("--configuration", metavar="NAME", help="Its name; the same one by default.")
        parser.add_argument("--now", action="store_true", help="Enter at once, inside or outside the entry window.")
        parser.add_argument("--wait", action="store_true", help="Wait until the new session is over.")
        self.add_timeout(parser, 300)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 1 when refused, 3 when no engine acknowledges or the sessions take too long."""
        deadline = self.monotonic() + options["timeout"]
        result = self.ask("restart", configuration_name=options["configuration"], now=options["now"])
        self.await_acknowledgement(result, deadline)
        session_id = result.session_id if result.status == "starting" else self._next(result.session_id, deadline)
        if options["wait"] and session_id is not None:
            self.await_close(session_id, deadline)

    def _next(self, old: int | None, deadline: float) -> int:
        """The id of the session that follows ``old``, which the engine opens once ``old`` is closed."""
        new = self.poll(StrategySession.objects.filter(pk__gt=old or 0).order_by("pk").first, deadline)
        if new is None:
            raise CommandError("The next session has not been opened yet.", returncode=NO_ENGINE)
        self.stdout.write(f"new session  {new.strategy_id} (#{new.pk})")
        return int(new.pk)
