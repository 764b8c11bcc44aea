"""``manage.py check_worker``: for cron, where no web process runs that would miss the worker."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.management.base import NO_ENGINE
from trading.notify.addresses import parse_addresses
from trading.notify.destinations import build
from trading.notify.sender import AlertSender
from trading.services.worker_watch import check_worker


class Command(BaseCommand):
    """Look for the worker once."""

    help = "Raise and send an alert when the worker is missed. Exits 3 when it is."

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 0 when it is heard of, or not missed."""
        check = check_worker()
        if check.down:
            AlertSender(build(parse_addresses(settings.ALERT_URLS))).step()
            raise CommandError(check.message, returncode=NO_ENGINE)
        self.stdout.write(check.message)
