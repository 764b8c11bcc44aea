"""``manage.py stop``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from trading.management.base import EngineCommandBase


class Command(EngineCommandBase):
    """Stop the session and wait until it is over."""

    help = "Stop the session: buy both legs back (or hand them over) and wait until it is over."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to flatten, and how long to wait."""
        parser.add_argument("--leave-open", action="store_true", help="Hand the position over instead of closing it.")
        parser.add_argument("--reason", default="", help="Kept with the command.")
        self.add_timeout(parser, 120)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 1 when refused, 3 when no engine acknowledges or the session does not end in time."""
        deadline = self.monotonic() + options["timeout"]
        result = self.ask("stop", leave_open=options["leave_open"], reason=options["reason"])
        self.await_acknowledgement(result, deadline)
        if result.session_id is not None:
            self.await_close(result.session_id, deadline)
