"""``manage.py ingest_logs``: the tail as a process of its own, or one look with ``--once``."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from tqdm import tqdm

from logviewer.ingest import Ingester
from logviewer.tail import tail_of_settings

BATCH = 2000


class Command(BaseCommand):
    """May run beside a web process that reads too: no line is taken twice."""

    help = "Read the platform's log into the database as it grows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--once."""
        parser.add_argument("--once", action="store_true", help="Read what is there now, and end.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read until SIGTERM or SIGINT, or once with a bar on a terminal."""
        if not options["once"]:
            tail = tail_of_settings(batch=BATCH, courteous=False)
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, lambda *_: tail.end())
            tail.run()
            return
        taken = 0
        with tqdm(unit=" lines", file=self.stderr, disable=None) as bar:
            for count in Ingester(settings.BACKEND_LOG_PATH, batch=BATCH).step():
                taken += count
                bar.update(count)
        self.stdout.write(f"{taken} lines read")
