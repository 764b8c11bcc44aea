"""``manage.py start``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from trading.management.base import EngineCommandBase


class Command(EngineCommandBase):
    """Start a session and wait for the engine's word."""

    help = "Start a session, at its configured time or now, and wait for the engine to acknowledge."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to start, when, and how long to wait."""
        parser.add_argument("--configuration", metavar="NAME", help="Its name; the active one by default.")
        parser.add_argument("--now", action="store_true", help="Enter at once, inside or outside the entry window.")
        parser.add_argument("--wait", action="store_true", help="Wait until the session is over, and tell how it went.")
        self.add_timeout(parser, 300)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 1 when refused, 3 when no engine acknowledges or, with ``--wait``, the session does not end in time."""
        deadline = self.monotonic() + options["timeout"]
        result = self.ask("start", configuration_name=options["configuration"], now=options["now"])
        self.await_acknowledgement(result, deadline)
        if options["wait"] and result.session_id is not None:
            self.await_close(result.session_id, deadline)
