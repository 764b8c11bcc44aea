"""Record closed sessions for analytics: those that nobody recorded, or all again."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from analytics.services import record_all


class Command(BaseCommand):
    """Usually nothing is left to do: the worker records every end, and every read the few that were missed."""

    help = "Record the closed sessions that analytics does not have yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--all, for another way of reckoning."""
        parser.add_argument("--all", action="store_true", help="Record every closed session again.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Record, with a bar on a terminal."""
        count, steps = record_all(again=options["all"])
        done = 0
        with tqdm(total=count, unit=" sessions", file=self.stderr, disable=None) as bar:
            for recorded in steps:
                done += recorded
                bar.update(recorded)
        self.stdout.write(f"{done} sessions recorded")
