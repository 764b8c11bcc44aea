"""``manage.py resume_trading``."""

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
    """Let the platform trade again."""

    help = "Set the trading mode back to active, after a panic or a stop of entries."

    def add_arguments(self, parser: CommandParser) -> None:
        """The confirmation."""
        parser.add_argument("--confirm", required=True, metavar="RESUME", help="Type RESUME.")
        parser.add_argument("--reason", default="", help="Kept with the mode.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 1 without the right word."""
        before = trading_mode()
        try:
            set_trading_mode(
                actor=None,
                mode=TradingModeChoice.ACTIVE.value,
                confirm=options["confirm"],
                reason=options["reason"],
                source=LOCAL,
            )
        except ApplicationError as error:
            raise refused(error) from error
        self.stdout.write(f"Trading mode: {before.mode} -> {TradingModeChoice.ACTIVE.value}")
