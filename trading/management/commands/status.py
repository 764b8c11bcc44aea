"""``manage.py status``."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from trading.management.base import DEAD_ENGINE, NO_ENGINE, EngineCommandBase
from trading.management.tables import runtime_rows, table
from trading.selectors.runtime import current_runtime


class Command(EngineCommandBase):
    """Say what the engine does."""

    help = "What the engine is doing now. Exits 3 when no engine is running."

    def add_arguments(self, parser: CommandParser) -> None:
        """How to say it."""
        parser.add_argument("--json", action="store_true", help="The whole runtime picture.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 3 without a living engine."""
        runtime = current_runtime()
        if options["json"]:
            self.stdout.write(json.dumps(runtime, cls=DjangoJSONEncoder, indent=2))
        else:
            self.stdout.write(table(runtime_rows(runtime)))
        if not runtime["worker"]["alive"]:
            raise CommandError(f"No engine is running. {DEAD_ENGINE}", returncode=NO_ENGINE)
