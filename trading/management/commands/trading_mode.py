"""``manage.py trading_mode``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from deltastrangle.exceptions import ApplicationError
from trading.management.base import EngineCommandBase, refused
from trading.models import TradingModeChoice
from trading.selectors.runtime import trading_mode
from trading.services.control import set_trading_mode
from trading.services.guards import LOCAL


class Command(EngineCommandBase):
    """Show or set what the engine may send."""

    help = "Show the trading mode, or set it. Leaving 'halted' needs --confirm RESUME."

    def add_arguments(self, parser: CommandParser) -> None:
        """The mode."""
        parser.add_argument("mode", nargs="?", choices=TradingModeChoice.values, help="Without it, the mode is shown.")
        parser.add_argument("--reason", default="", help="Kept with the mode.")
        parser.add_argument("--confirm", default="", metavar="RESUME", help="Type RESUME to leave 'halted'.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 1 when refused."""
        before = trading_mode()
        if options["mode"] is None:
            self.stdout.write(f"Trading mode: {before.mode}" + (f" ({before.reason})" if before.reason else ""))
            return
        try:
            set_trading_mode(
                actor=None,
                mode=options["mode"],
                reason=options["reason"],
                confirm=options["confirm"],
                source=LOCAL,
            )
        except ApplicationError as error:
            raise refused(error) from error
        self.stdout.write(f"Trading mode: {before.mode} -> {options['mode']}")
