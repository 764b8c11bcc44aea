"""``manage.py panic``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from trading.engine.ports import ModeUnavailable
from trading.management.base import NO_ENGINE, EngineCommandBase
from trading.selectors.runtime import engine_alive

logger = logging.getLogger(__name__)


def flatten_here(seconds: float) -> None:
    """Take the stale lease and work in this process until flat, for so long at most."""
    from trading.worker import flatten_here as flatten

    flatten(seconds)


class Command(EngineCommandBase):
    """Halt the platform and be flat, with the engine or without it."""

    help = "Halt trading at once and close everything; needs neither the web process nor Redis, nor a living worker."

    def __init__(self, *args: Any, flatten: Callable[[float], None] = flatten_here, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.flatten = flatten

    def add_arguments(self, parser: CommandParser) -> None:
        """How long to wait."""
        parser.add_argument("--reason", default="", help="Kept with the command and the trading mode.")
        self.add_timeout(parser, 120)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 0 when flat, 3 when it is not flat in time, or cannot be made so from here."""
        deadline = self.monotonic() + options["timeout"]
        result = self.ask("panic", reason=options["reason"])
        if result.session_id is None:
            return
        self.await_close(result.session_id, deadline, watch=lambda: self._flatten_if_nobody_does(deadline))

    def _flatten_if_nobody_does(self, deadline: float) -> None:
        if engine_alive():
            return
        self.stdout.write("No engine holds the lease: flattening from here.")
        try:
            self.flatten(max(1.0, deadline - self.monotonic()))
        except ModeUnavailable as error:
            message = f"Cannot flatten from here: {error} Run this with the worker's environment, or start the worker."
            raise CommandError(message, returncode=NO_ENGINE) from error
        except Exception as error:
            logger.exception("flatten_here_failed")
            self.stderr.write(f"Flattening from here failed ({error}); trying again.")
