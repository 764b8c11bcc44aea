"""``manage.py chaos``: whole sessions with seeded faults and kills, judged against the exchange's own books."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from trading.chaos.run import Request, run
from trading.chaos.scorecard import Result, Scorecard
from trading.management.tables import table

VIOLATED = 1
SHOWN = 20


class Command(BaseCommand):
    """Exit codes: 0 nothing was wrong, 1 something was, 2 bad usage."""

    help = "Run accelerated sessions against the exchange's simulator with random faults and kill -9, and judge them."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Which seeds, what is to go wrong, and where to leave the remains."""
        parser.add_argument("--seeds", default="", help="Seeds to run: one, or a range A-B.")
        parser.add_argument(
            "--seed-file", default="", help="File with a seed per line to run; failing seeds are written to it."
        )
        parser.add_argument("--kill", action="store_true", help="Send SIGKILL to the worker at seeded points.")
        parser.add_argument("--faults", action="store_true", help="Have the exchange misbehave, by seed.")
        parser.add_argument(
            "--power-cut", action="store_true", help="Cut the power at seeded moments, instead of kills."
        )
        parser.add_argument(
            "--expiry", action="store_true", help="Have nobody work for about an hour while the options expire."
        )
        parser.add_argument(
            "--jobs", type=int, default=os.cpu_count() or 1, help="Sessions at a time (default %(default)s)."
        )
        parser.add_argument("--keep", default="", help="Directory in which the files of every run stay.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, show the scorecard, and fail if any seed did."""
        if options["power_cut"] and options["expiry"]:
            raise CommandError("--power-cut and --expiry are runs of their own; give one of them.")
        seed_file = Path(options["seed_file"]) if options["seed_file"] else None
        request = Request(
            seeds=seeds_of(options["seeds"], seed_file),
            kill=options["kill"],
            faults=options["faults"],
            jobs=jobs_of(options["jobs"]),
            failures=settings.DATA_DIR / "chaos",
            cut=options["power_cut"],
            expiry=options["expiry"],
            keep=Path(options["keep"]).absolute() if options["keep"] else None,
        )
        scorecard = self._run(request)
        self.stdout.write(table(scorecard.rows()))
        if seed_file is not None and scorecard.failing:
            seed_file.write_text("".join(f"{seed}\n" for seed in scorecard.failing))
        if scorecard.failing:
            self._tell(scorecard, request)
            raise CommandError("Something was wrong.", returncode=VIOLATED)

    def _run(self, request: Request) -> Scorecard:
        with tqdm(total=len(request.seeds), unit="seed", smoothing=0.05) as bar:

            def show(result: Result) -> None:
                if result.failed:
                    bar.write(f"seed {result.seed}: {'; '.join(text for _, text in result.violations)[:300]}")
                bar.update()

            try:
                return run(request, show)
            except (OSError, subprocess.CalledProcessError) as error:
                raise CommandError(f"The run could not begin: {error}") from error

    def _tell(self, scorecard: Scorecard, request: Request) -> None:
        failing = scorecard.failing
        shown = " ".join(str(seed) for seed in failing[:SHOWN])
        more = f" and {len(failing) - SHOWN} more" if len(failing) > SHOWN else ""
        asked = {"kill": request.kill, "faults": request.faults, "power-cut": request.cut, "expiry": request.expiry}
        switches = "".join(f" --{name}" for name, on in asked.items() if on)
        self.stdout.write(f"Failing seeds: {shown}{more}")
        self.stdout.write(f"Again: manage.py chaos --seeds {failing[0]}{switches}")
        self.stdout.write(f"Their files: {request.keep or request.failures}")


def seeds_of(text: str, seed_file: Path | None) -> list[int]:
    """The seeds of a range and of a file. CommandError for neither, and for what is no number."""
    try:
        first, _, last = text.partition("-")
        ranged = list(range(int(first), int(last or first) + 1)) if text else []
        listed = [int(word) for word in seed_file.read_text().split()] if seed_file and seed_file.exists() else []
    except ValueError as error:
        raise CommandError(f"--seeds takes a number or a range like 1-100, a seed file numbers: {error}") from error
    if not (ranged or listed):
        raise CommandError("Which seeds? Give --seeds A-B, or --seed-file with a file that lists some.")
    return list(dict.fromkeys([*ranged, *listed]))


def jobs_of(number: int) -> int:
    """At least one. CommandError otherwise."""
    if number < 1:
        raise CommandError("--jobs must be at least 1.")
    return number
