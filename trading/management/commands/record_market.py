"""``manage.py record_market``: whole option chains, one line of JSON per look, compressed."""

from __future__ import annotations

import gzip
import math
import time
from pathlib import Path
from typing import Any, Final, TextIO

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from trading.engine.ports import VenueUnavailable
from trading.management.base import seconds_of
from trading.management.delta_tool import MARKETS, DeltaTool
from trading.models import Underlying
from trading.strategy.codec import dumps
from trading.venue_factory import public_config
from trading.venues.delta.dry_run import DryRunVenue

EVERY_SECONDS: Final = 5.0
SUFFIX: Final = ".jsonl.gz"


class Command(DeltaTool):
    """Public data; needs no key. Each line is a ``trading.strategy.types.Chain`` as ``trading.strategy.codec`` writes
    it. An existing file is added to; a failed look is counted and the next one comes.
    """

    help = "Record whole option chains of an underlying to compressed JSON lines."
    modes = MARKETS

    def add_arguments(self, parser: CommandParser) -> None:
        """What, where to, how often and how long."""
        parser.add_argument("--underlying", choices=Underlying.values, default="BTC")
        parser.add_argument("--out", type=Path, required=True, metavar=f"FILE{SUFFIX}")
        parser.add_argument(
            "--every", type=seconds_of, default=EVERY_SECONDS, help="Seconds between looks (default 5)."
        )
        parser.add_argument("--seconds", type=seconds_of, default=math.inf, help="How long (default: until Ctrl-C).")
        self.add_mode(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Record. Exits 1 when not a single look succeeded."""
        out: Path = options["out"]
        if not out.name.endswith(SUFFIX):
            raise CommandError(f"The file's name must end in {SUFFIX}.", returncode=2)
        self.looks = self.failures = 0
        self.trouble = "there was no time for a look"
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with gzip.open(out, "at", encoding="utf-8") as file:
                self.at_exchange(self._record(file, options))
        except KeyboardInterrupt:
            self.stdout.write("Ended.")
        except OSError as error:
            raise CommandError(f"Cannot write {out}: {error.strerror or error}") from error
        self.stdout.write(f"{self.looks} looks in {out}, {self.failures} failed")
        if not self.looks:
            raise CommandError(f"No chain could be read: {self.trouble}")

    async def _record(self, file: TextIO, options: dict[str, Any]) -> None:
        venue = DryRunVenue(public_config(options["mode"]))
        waits = venue.link.waits
        deadline = time.monotonic() + options["seconds"]
        bar = tqdm(desc=options["underlying"], unit=" looks", file=self.stderr, disable=None)
        try:
            await venue.link.set_clock()
            while (begun := time.monotonic()) < deadline:
                await self._look(venue, file, options["underlying"])
                bar.update()
                pause = begun + options["every"] - time.monotonic()
                await waits.sleep(max(min(pause, deadline - time.monotonic()), 0.0))
        finally:
            bar.close()
            await venue.close()

    async def _look(self, venue: DryRunVenue, file: TextIO, underlying: str) -> None:
        try:
            chain = await venue.chain(underlying)
        except VenueUnavailable as error:
            self.failures += 1
            self.trouble = str(error)
            return
        file.write(dumps(chain) + "\n")
        # What was seen is on disk even if the machine stops before the recording does.
        file.flush()
        self.looks += 1
