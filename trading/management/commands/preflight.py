"""``manage.py preflight``: everything that must hold before real orders, as a table of pass and fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from trading.management.delta_tool import DeltaTool, columns, said
from trading.services.guards import LOCAL
from trading.services.preflight import record_preflight
from trading.venue_factory import account_config
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.venue import DeltaVenue
from trading.venues.delta_tools.preflight import Finding, Preflight

LIVE_MAY_START: Final = " Live sessions may be started for the next 24 hours."


class Command(DeltaTool):
    """Runs where the keys are (``STRANGLE_ROLE=worker``); the result is stored, and live sessions need a good one."""

    help = "Look at everything that must hold before orders are sent. Exits 1 when something does not."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which account."""
        self.add_mode(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, tell, store. Exits 1 on any failure."""
        mode = options["mode"]
        with said():
            config = account_config(mode)
        findings = [*_installation(mode), *self.at_exchange(_look(config))]
        self._tell(mode, config, findings)
        checks = [asdict(finding) for finding in findings]
        with said():
            run = record_preflight(mode=mode, environment=config.environment, checks=checks, source=LOCAL)
        if not run.passed:
            failed = [finding.name for finding in findings if not finding.passed]
            raise CommandError(f"Pre-flight failed: {', '.join(failed)}")
        self.stdout.write("Pre-flight passed." + (LIVE_MAY_START if mode == "live" else ""))

    def _tell(self, mode: str, config: DeltaConfig, findings: list[Finding]) -> None:
        self.stdout.write(f"Mode {mode} at {config.rest_url} ({config.environment})\n")
        rows = [("PASS" if finding.passed else "FAIL", finding.name, finding.found) for finding in findings]
        for line, finding in zip(columns(rows).splitlines(), findings, strict=True):
            style = self.style.SUCCESS if finding.passed else self.style.ERROR
            self.stdout.write(style(line))
            if finding.advice and not finding.passed:
                self.stdout.write(f"      -> {finding.advice}")


def _installation(mode: str) -> Iterator[Finding]:
    """What this installation's own settings say."""
    split = settings.STRANGLE_LAYOUT == "split"
    advice = "" if split else "Set STRANGLE_LAYOUT=split and run the worker as its own process."
    yield Finding("layout", split, settings.STRANGLE_LAYOUT, advice)
    if mode == "live":
        on = settings.DELTA_LIVE_TRADING
        yield Finding("live trading", on, "on" if on else "off", "" if on else "Set DELTA_LIVE_TRADING=true.")


async def _look(config: DeltaConfig) -> list[Finding]:
    venue = DeltaVenue(config)
    try:
        return await Preflight(venue).run()
    finally:
        await venue.close()
