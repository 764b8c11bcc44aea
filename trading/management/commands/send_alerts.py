"""``manage.py send_alerts``: the outbox by hand, and a trial of the destinations."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.management.tables import Row, table
from trading.models import Severity
from trading.notify.addresses import parse_addresses
from trading.notify.destinations import Destination, Outcome, build, deliver
from trading.notify.sender import AlertSender

TRIAL = ("Trial of the alerts", "Sent by: manage.py send_alerts --test. Nothing is wrong.")


class Command(BaseCommand):
    """Send what is due, or try every destination."""

    help = "Send the alerts that are due; with --test, a trial message to every destination of ALERT_URLS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether it is a trial."""
        parser.add_argument("--test", action="store_true", help="Send a trial to every destination and tell results.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 1 when there is no destination, or when a trial failed somewhere."""
        try:
            destinations = build(parse_addresses(settings.ALERT_URLS))
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if not destinations:
            raise CommandError("No destination: set ALERT_URLS (docs/operations.md, Alerts).")
        if options["test"]:
            self._try(destinations)
            return
        self.stdout.write(f"Alerts sent: {AlertSender(destinations).step()}")

    def _try(self, destinations: list[Destination]) -> None:
        outcomes = deliver(destinations, *TRIAL, Severity.INFO.value)
        self.stdout.write(table(_row(outcome) for outcome in outcomes))
        failed = sum(bool(outcome.error) for outcome in outcomes)
        if failed:
            raise CommandError(f"{failed} of {len(outcomes)} destinations failed.")


def _row(outcome: Outcome) -> Row:
    said = outcome.error or f"sent in {outcome.seconds:.1f} s"
    return str(outcome.address), f"from {outcome.address.severity} on: {said}"
