"""``manage.py lift_lockout``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from deltastrangle.exceptions import ApplicationError
from trading.management.base import EngineCommandBase, refused
from trading.models import Mode
from trading.selectors.lockouts import active_lockouts
from trading.services.guards import LOCAL
from trading.services.lockouts import lift_lockout


class Command(EngineCommandBase):
    """Let entries through again before the IST day is over."""

    help = "Show the lockouts that hold today and, with --confirm UNLOCK, lift them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which ones, and the confirmation."""
        parser.add_argument("--mode", choices=Mode.values, help="Only those of this mode (default: all).")
        parser.add_argument("--confirm", default="", metavar="UNLOCK", help="Type UNLOCK.")
        parser.add_argument("--reason", default="", help="Kept in the audit trail.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 1 without the right word."""
        found = [lockout for lockout in active_lockouts() if options["mode"] in (None, lockout.mode)]
        if not found:
            self.stdout.write("Nothing is locked.")
            return
        for lockout in found:
            self.stdout.write(f"{lockout.mode}: {lockout.get_kind_display()}. {lockout.reason}")
        for lockout in found:
            try:
                lift_lockout(
                    actor=None,
                    lockout_id=lockout.pk,
                    confirm=options["confirm"],
                    reason=options["reason"],
                    source=LOCAL,
                )
            except ApplicationError as error:
                raise refused(error) from error
        self.stdout.write(f"Lifted: {len(found)}. Each limit counts anew from here.")
